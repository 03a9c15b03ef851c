package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/services/detection"
)

// What average precision is computed of.
const (
	apImages, apBoxes, apClasses, apLabels = 5000, 100, 80, 8
)

type cocoBox struct {
	ID       int        `json:"id,omitempty"`
	Image    int        `json:"image_id"`
	Category int        `json:"category_id"`
	Box      [4]float64 `json:"bbox"`
	Area     float64    `json:"area,omitempty"`
	Crowd    int        `json:"iscrowd"`
	Score    float64    `json:"score,omitempty"`
}

// average measures average precision of many boxes beside pycocotools: both
// read the same files, and reading is not in the seconds.
func (b *bench) average(ctx context.Context) (string, error) {
	b.tell("average precision")
	folder := filepath.Join(b.work, "boxes")
	if err := makeBoxes(folder); err != nil {
		return "", err
	}
	home, err := b.peerHome("pycocotools", "bench/peers.txt")
	if err != nil {
		return "", err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	type figures struct {
		Seconds float64 `json:"seconds"`
		Memory  float64 `json:"mib"`
		AP      float64 `json:"ap"`
	}
	var ours, theirs figures
	if err := runJSON(ctx, &ours, self, "-average", folder); err != nil {
		return "", err
	}
	if err := runJSON(ctx, &theirs, filepath.Join(home, "bin", "python"), "bench/cocoeval.py", folder); err != nil {
		return "", err
	}
	if d := ours.AP - theirs.AP; d > 1e-9 || d < -1e-9 {
		return "", fmt.Errorf("average precision is %v, and pycocotools says %v", ours.AP, theirs.AP)
	}
	var page strings.Builder
	fmt.Fprintf(&page, "\n%d images with %d boxes each of %d classes, every figure, the same average precision to 1e-9:\n\n| what | seconds | peak memory, MiB |\n|---|---|---|\n", apImages, apBoxes, apClasses)
	for _, r := range []struct {
		name string
		figures
	}{{"the check's scoring", ours}, {"pycocotools, evaluate and accumulate", theirs}} {
		fmt.Fprintf(&page, "| %s | %.2f | %.0f |\n", r.name, r.Seconds, r.Memory)
	}
	return page.String(), nil
}

func makeBoxes(folder string) error {
	random := rand.New(rand.NewPCG(5, 80))
	var images, categories []map[string]any
	var truth, found []cocoBox
	for c := range apClasses {
		categories = append(categories, map[string]any{"id": c, "name": fmt.Sprint("class ", c)})
	}
	box := func() [4]float64 {
		return [4]float64{random.Float64() * 500, random.Float64() * 400, 5 + random.Float64()*150, 5 + random.Float64()*150}
	}
	for i := range apImages {
		images = append(images, map[string]any{"id": i + 1, "width": 640, "height": 480})
		var labels []cocoBox
		for range apLabels {
			b := cocoBox{ID: len(truth) + 1, Image: i + 1, Category: random.IntN(apClasses), Box: box()}
			b.Area = b.Box[2] * b.Box[3]
			labels, truth = append(labels, b), append(truth, b)
		}
		for n := range apBoxes {
			b := cocoBox{Image: i + 1, Category: random.IntN(apClasses), Box: box(), Score: 0.001 + random.Float64()*0.6}
			if n < apLabels {
				b.Category, b.Box, b.Score = labels[n].Category, labels[n].Box, 0.001+random.Float64()*0.998
				for k := range b.Box {
					b.Box[k] += random.Float64() * 0.2 * b.Box[2+k%2]
				}
			}
			found = append(found, b)
		}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for name, data := range map[string]any{
		"truth.json": map[string]any{"images": images, "categories": categories, "annotations": truth}, "found.json": found,
	} {
		text, err := json.Marshal(data)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// averagePrecision scores the boxes of a folder and prints what that took.
func averagePrecision(folder string) error {
	var truth struct {
		Annotations []cocoBox
		Categories  []struct{ Name string }
	}
	var found []cocoBox
	for name, into := range map[string]any{"truth.json": &truth, "found.json": &found} {
		f, err := os.Open(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		err = json.NewDecoder(f).Decode(into)
		f.Close()
		if err != nil {
			return err
		}
	}
	boxes, labels, names := make([][]detection.Box, apImages), make([][]detection.Label, apImages), []string{}
	corners := func(b [4]float64) detection.Rect { return detection.Rect{b[0], b[1], b[0] + b[2], b[1] + b[3]} }
	for _, c := range truth.Categories {
		names = append(names, c.Name)
	}
	for _, a := range truth.Annotations {
		labels[a.Image-1] = append(labels[a.Image-1], detection.Label{ClassID: a.Category, Box: corners(a.Box)})
	}
	for _, f := range found {
		boxes[f.Image-1] = append(boxes[f.Image-1], detection.Box{ClassID: f.Category, Score: f.Score, Box: corners(f.Box)})
	}
	began := time.Now()
	scores := detection.Score(boxes, labels, names, 0)
	took := time.Since(began)
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"seconds": took.Seconds(), "mib": float64(usage.Maxrss) / 1024, "ap": scores.MAP5095,
	})
}

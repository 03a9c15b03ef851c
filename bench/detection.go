package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// detectionImages is how many pictures the check detection looks at.
const detectionImages = 1000

// detection measures the check detection in a validation beside a loop that
// only decodes, resizes and infers, and beside ultralytics where PEERS names
// it; and average precision beside pycocotools.
func (b *bench) detection(ctx context.Context) (string, error) {
	b.tell("detection")
	set := filepath.Join(b.work, "scenes")
	if err := makeScenes(set, detectionImages); err != nil {
		return "", err
	}
	model := filepath.Join(b.work, "detector")
	if err := b.detectorFolder(model); err != nil {
		return "", err
	}
	got, err := b.validate(ctx, validated{
		name: "detection", set: set, files: []string{filepath.Join(model, "MLmodel"), filepath.Join(model, "model.onnx")},
		steps: "[{check: detection, dataset: bench@1, convention: ultralytics}]",
	})
	if err != nil {
		return "", err
	}
	var limit struct {
		PerSecond float64 `json:"per_second"`
		CPU       float64 `json:"cpu_seconds"`
	}
	if err := runJSON(ctx, &limit, b.python, "bench/detectloop.py", b.model, filepath.Join(set, "images"), strconv.Itoa(b.rounds)); err != nil {
		return "", err
	}
	ours := detectionImages / got.took.Seconds()
	var page strings.Builder
	fmt.Fprintf(&page, "\n### The check detection\n\n%d pictures of 320x240, a detector of 160x160. The goals are 1.5 times a warm `ultralytics val`, 5 times its first call, and 0.8 of the loop.\n\n| what | pictures/s | beside ours | ms of processor a picture | mAP50 | mAP50-95 |\n|---|---|---|---|---|---|\n", detectionImages)
	fmt.Fprintf(&page, "| the check in a validation, from start to report | %.0f | | %.2f | %.4f | %.4f |\n", ours, 1e3*got.cpu.Seconds()/detectionImages, got.figures["map50"], got.figures["map50_95"])
	fmt.Fprintf(&page, "| decoding, resizing and inference alone, a process on each core | %.0f | %.2f | %.2f | | |\n", limit.PerSecond, ours/limit.PerSecond, 1e3*limit.CPU/detectionImages)
	if slices.Contains(b.peers, "ultralytics") {
		rows, err := b.ultralytics(ctx, set, ours)
		if err != nil {
			return "", err
		}
		page.WriteString(rows)
	}
	fmt.Fprintf(&page, "\nThe server's memory, with slipway-serve: %.0f MiB before the validation, %.0f MiB at its peak.\n", got.before, got.peak)
	average, err := b.average(ctx)
	return page.String() + average, err
}

func (b *bench) ultralytics(ctx context.Context, set string, ours float64) (string, error) {
	home, err := b.peerHome("ultralytics", "bench/peers-torch.txt")
	if err != nil {
		return "", err
	}
	var val struct {
		First, Warm float64 // pictures a second
		MAP50       float64
		MAP5095     float64
	}
	if err := runJSON(ctx, &val, filepath.Join(home, "bin", "python"), "bench/ultralyticsval.py", b.model, set); err != nil {
		return "", err
	}
	return fmt.Sprintf("| ultralytics val, warm | %.0f | %.2f | | %.4f | %.4f |\n| ultralytics val, first call in a process | %.0f | %.2f | | | |\n",
		val.Warm, ours/val.Warm, val.MAP50, val.MAP5095, val.First, ours/val.First), nil
}

// detectorFolder is the bench's detector as MLflow keeps it.
func (b *bench) detectorFolder(folder string) error {
	text, err := os.ReadFile(b.model)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "model.onnx"), text, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "MLmodel"), []byte("flavors:\n  onnx: {data: model.onnx}\n"), 0o600)
}

// runJSON runs a program and reads the last line that it prints.
func runJSON(ctx context.Context, into any, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s %v: %w", filepath.Base(program), args, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return json.Unmarshal([]byte(lines[len(lines)-1]), into)
}

// peerHome gives the folder of a Python environment that a file pins.
func (b *bench) peerHome(name, pins string) (string, error) {
	out, err := exec.Command("bench/peers", b.cache, pins).Output()
	if err != nil {
		return "", fmt.Errorf("bench/peers: %w", err)
	}
	for home := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(filepath.Base(home), "peer-"+name+"-") {
			return home, nil
		}
	}
	return "", fmt.Errorf("%s names no %s", pins, name)
}

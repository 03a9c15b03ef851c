package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

const sceneWidth, sceneHeight = 320, 240

// makeScenes writes a data set in YOLO's form: discs, rings, bars and wedges on
// rough ground, every picture another.
func makeScenes(folder string, n int) error {
	for _, part := range []string{"images", "labels"} {
		if err := os.MkdirAll(filepath.Join(folder, part), 0o700); err != nil {
			return err
		}
	}
	// The detector's names: what it finds is not the point.
	if err := os.WriteFile(filepath.Join(folder, "data.yaml"), []byte("train: images\nval: images\nnames: [bolt, washer, nut, screw]\n"), 0o600); err != nil {
		return err
	}
	for i := range n {
		picture, labels := scene(rand.New(rand.NewPCG(20, uint64(i))))
		var text bytes.Buffer
		if err := jpeg.Encode(&text, picture, &jpeg.Options{Quality: 88}); err != nil {
			return err
		}
		for path, data := range map[string][]byte{
			fmt.Sprintf("images/%04d.jpg", i): text.Bytes(), fmt.Sprintf("labels/%04d.txt", i): []byte(labels),
		} {
			if err := os.WriteFile(filepath.Join(folder, path), data, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

func scene(random *rand.Rand) (image.Image, string) {
	picture := image.NewRGBA(image.Rect(0, 0, sceneWidth, sceneHeight))
	tone, wave := 60+random.Float64()*120, 0.02+random.Float64()*0.2
	for y := range sceneHeight {
		for x := range sceneWidth {
			v := tone + 25*math.Sin(wave*float64(x+y/2)) + 30*random.Float64()
			picture.SetRGBA(x, y, color.RGBA{uint8(v), uint8(v * 0.95), uint8(v * 0.9), 255})
		}
	}
	var labels strings.Builder
	for range 1 + random.IntN(6) {
		kind, size := random.IntN(4), 12+random.Float64()*30
		cx, cy := size+random.Float64()*(sceneWidth-2*size), size+random.Float64()*(sceneHeight-2*size)
		w, h := size, size
		if kind == 2 {
			h = size / 3
		}
		shade := uint8(150 + random.IntN(100))
		for y := int(cy - h); y < int(cy+h); y++ {
			for x := int(cx - w); x < int(cx+w); x++ {
				dx, dy := (float64(x)-cx)/w, (float64(y)-cy)/h
				r := math.Hypot(dx, dy)
				inside := [...]bool{r < 1, r < 1 && r > 0.5, true, math.Abs(dx) < (dy+1)/2}[kind]
				if inside {
					picture.SetRGBA(x, y, color.RGBA{shade, shade - 20, shade - uint8(60*r/2), 255})
				}
			}
		}
		fmt.Fprintf(&labels, "%d %.6f %.6f %.6f %.6f\n", kind, cx/sceneWidth, cy/sceneHeight, 2*w/sceneWidth, 2*h/sceneHeight)
	}
	return picture, labels.String()
}

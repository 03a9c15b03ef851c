package checks

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
)

// look asks the model for each picture, several at once.
func (c *classified) look(ctx context.Context, images []models.LabeledImage) ([]predicted, error) {
	inputs, err := modelInputs(ctx, c.s, c.served)
	if err != nil {
		return nil, err
	}
	width, height, err := pictureSize(inputs, c.served.Facts.Model.Metadata)
	if err != nil {
		return nil, err
	}
	seen := make([]predicted, len(images))
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, c.s.Settings.Parallel))
	for i, image := range images {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var err error
			if seen[i], err = c.ask(ctx, inputs[0], width, height, image.File); err != nil {
				return err
			}
			c.s.Progress(done.Add(1), int64(len(images)), "images")
			return nil
		})
	}
	return seen, group.Wait()
}

// pictureSize is what the model's one input takes: FP32 [batch,3,height,width].
func pictureSize(inputs []input, metadata map[string]string) (width, height int, err error) {
	if len(inputs) != 1 || inputs[0].Datatype != "FP32" || len(inputs[0].Shape) != 4 || inputs[0].Shape[1] != 3 {
		return 0, 0, models.Errorf(models.KindInvalid, "the model takes %s: a classifier of pictures takes one FP32 [batch,3,height,width]", inputNames(inputs))
	}
	meta, err := detection.ParseMeta(metadata)
	if err != nil {
		return 0, 0, err
	}
	size := func(declared int64, exported int) int {
		switch {
		case declared > 0:
			return int(declared)
		case exported > 0:
			return exported
		}
		return 224 // what most are trained for
	}
	height, width = size(inputs[0].Shape[2], meta.Height), size(inputs[0].Shape[3], meta.Width)
	if height > detection.MaxPixels/width {
		return 0, 0, models.Errorf(models.KindInvalid, "the model takes pictures of %dx%d: at most %d pixels", width, height, detection.MaxPixels)
	}
	return width, height, nil
}

func (c *classified) ask(ctx context.Context, in input, width, height int, file models.DatasetFile) (predicted, error) {
	picture, err := readPicture(ctx, c.s, file)
	if err != nil {
		return predicted{}, err
	}
	said, err := c.tell(ctx, in, width, height, picture)
	var no *refusedError
	if errors.As(err, &no) {
		no.message = file.Path + ": " + no.message
	}
	return said, err
}

// tell asks the model for one picture.
func (c *classified) tell(ctx context.Context, in input, width, height int, picture detection.Image) (predicted, error) {
	t := tensor{Name: in.Name, Datatype: "FP32", Shape: []int64{1, 3, int64(height), int64(width)}, raw: c.settings.Picture.pixels(picture, width, height)}
	answer, err := noise{inputs: []tensor{t}}.question(c.s.Version.Model).ask(ctx, c.served)
	if err != nil {
		return predicted{}, err
	}
	said := predicted{rows: 1, numbers: map[string][]float64{}}
	for _, out := range answer.outputs {
		if all := out.floats(); all != nil {
			said.numbers[out.Name] = all
		}
	}
	if len(said.numbers) == 0 {
		var names []string
		for _, out := range answer.outputs {
			names = append(names, out.Name+" "+out.Datatype)
		}
		err = models.Errorf(models.KindInvalid, "the model gives %s: a classifier of pictures gives a score for each class", strings.Join(names, ", "))
	}
	return said, err
}

// pixels gives a picture's planes, fitted and scaled, as little-endian floats.
func (p pictureFitted) pixels(picture detection.Image, width, height int) []byte {
	var planes []float32
	if p.Fit == "stretch" {
		planes, _ = picture.Stretch(width, height, detection.COCO)
	} else {
		planes = picture.Crop(width, height)
	}
	raw := make([]byte, 0, 4*len(planes))
	for i, v := range planes {
		channel := i / (width * height)
		if p.Mean != nil {
			v -= p.Mean[channel]
		}
		if p.Std != nil {
			v /= p.Std[channel]
		}
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

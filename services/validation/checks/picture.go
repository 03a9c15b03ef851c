package checks

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// readFile reads a file of a data set.
func readFile(ctx context.Context, s *validation.Subject, file models.DatasetFile) ([]byte, error) {
	body, err := s.Datasets.Read(ctx, file)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(body)
	_ = body.Close()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file.Path, err)
	}
	return text, nil
}

// readPicture reads and decodes an image of a data set.
func readPicture(ctx context.Context, s *validation.Subject, file models.DatasetFile) (detection.Image, error) {
	text, err := readFile(ctx, s, file)
	if err != nil {
		return detection.Image{}, err
	}
	picture, err := detection.Decode(text)
	if err != nil {
		return picture, models.Errorf(models.KindInvalid, "%s does not decode (%v): mend the data set, or leave it out where the check has exclude", file.Path, err)
	}
	return picture, nil
}

// without leaves out the images that a step excludes.
func without(images []models.LabeledImage, exclude []string, ref fmt.Stringer) ([]models.LabeledImage, error) {
	for _, name := range exclude {
		i := slices.IndexFunc(images, func(image models.LabeledImage) bool { return image.File.Path == name })
		if i < 0 {
			return nil, models.Errorf(models.KindInvalid, "exclude: %s has no image %q", ref, name)
		}
		images = slices.Delete(images, i, i+1)
	}
	if len(images) == 0 {
		return nil, models.Errorf(models.KindInvalid, "exclude leaves no image of %s", ref)
	}
	return images, nil
}

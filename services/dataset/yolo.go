package dataset

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
)

// yolo reads data.yaml, the images that it names and their label files.
func (r *reading) yolo(ctx context.Context, c *contents) error {
	file, err := configFile(r.files)
	if err != nil {
		return err
	}
	text, err := r.text(ctx, file)
	if err != nil {
		return err
	}
	open := func(f models.DatasetFile) ([]byte, error) { return r.text(ctx, f) }
	l, err := readLayout(file.Path, text, r.files, open)
	if err != nil {
		return err
	}
	c.classes, c.images = l.classes, make([]models.LabeledImage, len(l.images))
	for i, image := range l.images {
		c.images[i] = models.LabeledImage{File: image, Class: -1}
	}
	if r.whole {
		if err := r.seeAll(ctx, c.images, r.pictures); err != nil {
			return err
		}
	}
	if err := r.labels(ctx, c, l); err != nil {
		return err
	}
	l.orphans(r.files, &c.faults)
	labelled := slices.ContainsFunc(c.images, func(i models.LabeledImage) bool { return len(i.Boxes) > 0 })
	if !labelled && c.faults.count == 0 {
		c.faults.add("labels", "not one of the %d images has a label: labels of images/a.jpg stand in labels/a.txt, a line each: class cx cy w h", len(c.images))
	}
	return r.finish(ctx, c, func(t tagger) error { return t.mapping(file.Path, l.tags) })
}

// labels reads the label files, several at once.
func (r *reading) labels(ctx context.Context, c *contents, l layout) error {
	noted := make([]labelReader, len(c.images))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, image := range c.images {
		noted[i] = labelReader{classes: len(c.classes), picture: r.pictures[image.File.SHA256], found: findings{}}
		label, ok := l.labels[image.File.Path]
		if !ok {
			noted[i].found.add(withoutLabels, image.File.Path, "there is no %s", labelPath(image.File.Path))
			continue
		}
		group.Go(func() error {
			text, err := r.text(ctx, label)
			if err != nil {
				return err
			}
			c.images[i].Boxes = noted[i].read(label.Path, text)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i := range noted {
		c.faults.merge(noted[i].faults)
		c.found.merge(noted[i].found)
	}
	return nil
}

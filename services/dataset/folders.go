package dataset

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// splits are names of folders that hold parts of a data set, not classes.
var splits = []string{"train", "val", "valid", "validation", "test"}

// folders reads a data set in which an image's folder is its class: the first
// folder below the one that all images share.
func (r *reading) folders(ctx context.Context, c *contents) error {
	var images []models.DatasetFile
	for _, f := range r.files {
		if isImage(f) {
			images = append(images, f)
		}
	}
	if len(images) == 0 {
		return models.Errorf(models.KindInvalid, "images: there are none; each stands in a folder that is its class, such as bolt/a.jpg")
	}
	root := sharedFolder(images)
	classes := map[string]int{}
	for _, f := range images {
		if class := classOf(root, f.Path); class == "" {
			c.faults.add(f.Path, "the image is in no folder that is its class, such as bolt/%s", path.Base(f.Path))
		} else {
			classes[class] = 0
			c.classes = append(c.classes, class)
		}
	}
	slices.Sort(c.classes)
	c.classes = slices.Compact(c.classes)
	if len(c.classes) > 0 && !slices.ContainsFunc(c.classes, func(class string) bool { return !slices.Contains(splits, strings.ToLower(class)) }) {
		return models.Errorf(models.KindInvalid, "%s: these folders are parts of a data set, not classes: push one of them by itself", strings.Join(c.classes, ", "))
	}
	for i, class := range c.classes {
		classes[class] = i
	}
	for _, f := range images {
		if class := classOf(root, f.Path); class != "" {
			c.images = append(c.images, models.LabeledImage{File: f, Class: classes[class]})
		}
	}
	for _, f := range r.files {
		if !isImage(f) && classOf(root, f.Path) != "" {
			c.found.add(noImage, f.Path, "")
		}
	}
	if r.whole {
		if err := r.seeAll(ctx, c.images, r.pictures); err != nil {
			return err
		}
	}
	return r.finish(ctx, c, nil)
}

// classOf is the first folder of a path below root; "" where there is none.
func classOf(root, p string) string {
	below, ok := strings.CutPrefix(p, root)
	if !ok {
		return ""
	}
	class, _, ok := strings.Cut(below, "/")
	if !ok {
		return ""
	}
	return class
}

// sharedFolder is the folder, with a slash, that all images share and below
// which each still has one of its own: images/ of images/bolt/a.jpg and
// images/nut/b.jpg, and nothing of bolt/a.jpg alone.
func sharedFolder(images []models.DatasetFile) string {
	root := ""
	for {
		first := classOf(root, images[0].Path)
		if first == "" {
			return root
		}
		deeper := root + first + "/"
		for _, f := range images {
			if classOf(deeper, f.Path) == "" {
				return root
			}
		}
		root = deeper
	}
}

package dataset

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Commit checks a version's structure and freezes it; again, it gives the
// version. One that is at fault is refused with the list and forgotten; what is
// merely odd becomes findings of the version.
func (s *Service) Commit(ctx context.Context, ref models.DatasetRef) (models.DatasetVersion, error) {
	v, missing, err := s.Version(ctx, ref)
	if err != nil || v.State == models.DatasetCommitted {
		return v, err
	}
	if len(missing) > 0 {
		return v, models.Errorf(models.KindConflict,
			"%s misses %d of its files (%s first): upload them, then commit", ref, len(missing), missing[0].Path)
	}
	c, err := s.examine(ctx, v, true)
	if models.IsKind(err, models.KindInvalid) {
		if dropped := s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Datasets().Drop(v.ID) }); dropped != nil {
			return v, dropped
		}
		return v, err
	}
	if err != nil {
		return v, err
	}
	c.sum(&v)
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		if err := tx.Datasets().Commit(v); err != nil {
			return err
		}
		if err := tx.Audit(models.AuditRecord{
			Action: "dataset.committed", Reason: "data set " + ref.String() + " committed",
			Details: map[string]any{"digest": v.Digest, "format": v.Format, "images": v.Images, "boxes": v.Boxes, "rows": v.Summary.Rows},
		}); err != nil {
			return err
		}
		v, err = tx.Datasets().Version(ref)
		return err
	})
	return v, err
}

// sum writes what a version holds into it.
func (c *contents) sum(v *models.DatasetVersion) {
	v.Format, v.Classes, v.Images = c.format, c.classes, int64(len(c.images))
	if v.Classes == nil {
		v.Classes = []string{}
	}
	v.Summary = models.DatasetContents{Columns: c.columns, Rows: c.rows}
	counts, tags := make([]models.ClassCount, len(c.classes)), map[string]int64{}
	for i, name := range c.classes {
		counts[i].Name = name
	}
	for _, image := range c.images {
		v.Boxes += int64(len(image.Boxes))
		v.Summary.Crowds += int64(len(image.Crowds))
		if len(image.Boxes) == 0 && image.Class < 0 {
			v.Backgrounds++
		}
		for _, tag := range image.Tags {
			tags[tag]++
		}
		countClasses(counts, image)
	}
	for i, count := range counts {
		if count.Images == 0 {
			c.found.add(emptyClass, count.Name, "class %d has no label", i)
		}
	}
	v.Summary.Classes, v.Summary.Tags = counts, countsOf(tags)
	v.Summary.Findings = c.found.sorted()
}

// countClasses counts an image's labels, and the image once for each class.
func countClasses(counts []models.ClassCount, image models.LabeledImage) {
	if image.Class >= 0 {
		counts[image.Class].Images++
		return
	}
	seen := map[int]bool{}
	for _, box := range image.Boxes {
		counts[box.Class].Boxes++
		if !seen[box.Class] {
			seen[box.Class] = true
			counts[box.Class].Images++
		}
	}
}

package dataset

import (
	"context"
	"io"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// readers bounds how many label files are read at once.
const readers = 16

// Commit checks a version's structure and freezes it; again, it gives the
// version. One that is at fault is refused with the list and forgotten.
func (s *Service) Commit(ctx context.Context, ref models.DatasetRef) (models.DatasetVersion, error) {
	v, missing, err := s.Version(ctx, ref)
	if err != nil || v.State == models.DatasetCommitted {
		return v, err
	}
	if len(missing) > 0 {
		return v, models.Errorf(models.KindConflict,
			"%s misses %d of its files (%s first): upload them, then commit", ref, len(missing), missing[0].Path)
	}
	images, classes, err := s.examine(ctx, v)
	if models.IsKind(err, models.KindInvalid) {
		if dropped := s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Datasets().Drop(v.ID) }); dropped != nil {
			return v, dropped
		}
		return v, err
	}
	if err != nil {
		return v, err
	}
	v.Classes, v.Images = classes, int64(len(images))
	for _, image := range images {
		v.Boxes += int64(len(image.Boxes))
		if len(image.Boxes) == 0 {
			v.Backgrounds++
		}
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		if err := tx.Datasets().Commit(v); err != nil {
			return err
		}
		if err := tx.Audit(models.AuditRecord{
			Action: "dataset.committed", Reason: "data set " + ref.String() + " committed",
			Details: map[string]any{"digest": v.Digest, "images": v.Images, "boxes": v.Boxes},
		}); err != nil {
			return err
		}
		v, err = tx.Datasets().Version(ref)
		return err
	})
	return v, err
}

// Open gives a committed version with its images and their boxes, in the order
// of paths.
func (s *Service) Open(ctx context.Context, ref models.DatasetRef) (models.DatasetVersion, []models.LabeledImage, error) {
	v, _, err := s.Version(ctx, ref)
	if err != nil {
		return v, nil, err
	}
	if v.State != models.DatasetCommitted {
		return v, nil, models.Errorf(models.KindConflict, "data set %s is not committed yet: finish the push", ref)
	}
	images, _, err := s.examine(ctx, v)
	return v, images, err
}

// examine reads a version's layout and labels; what is at fault in them is an
// error of kind invalid, with the list.
func (s *Service) examine(ctx context.Context, v models.DatasetVersion) ([]models.LabeledImage, []string, error) {
	files, err := s.Files(ctx, models.DatasetRef{Name: v.Dataset, Version: v.Number})
	if err != nil {
		return nil, nil, err
	}
	open := func(f models.DatasetFile) ([]byte, error) { return s.text(ctx, f) }
	file, err := configFile(files)
	if err != nil {
		return nil, nil, err
	}
	text, err := open(file)
	if err != nil {
		return nil, nil, err
	}
	l, err := readLayout(file.Path, text, files, open)
	if err != nil {
		return nil, nil, err
	}
	images := make([]models.LabeledImage, len(l.images))
	found := make([]list, len(l.images))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, image := range l.images {
		images[i].File = image
		label, ok := l.labels[image.Path]
		if !ok {
			continue
		}
		group.Go(func() error {
			text, err := s.text(ctx, label)
			if err == nil {
				images[i].Boxes = readLabels(label.Path, text, l.classes, &found[i])
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	return images, l.classes, l.judge(files, images, found)
}

// judge puts together what the label files are at fault with.
func (l layout) judge(files []models.DatasetFile, images []models.LabeledImage, found []list) error {
	var faults list
	for _, f := range found {
		faults.count += f.count
		faults.details = append(faults.details, f.details[:min(len(f.details), maxFaults-len(faults.details))]...)
	}
	l.orphans(files, &faults)
	labelled := slices.ContainsFunc(images, func(i models.LabeledImage) bool { return len(i.Boxes) > 0 })
	if !labelled && faults.count == 0 {
		faults.add("labels", "not one of the %d images has a label: labels of images/a.jpg stand in labels/a.txt, a line each: class cx cy w h", len(images))
	}
	return faults.err("the data set is at fault")
}

// text reads a small file whole.
func (s *Service) text(ctx context.Context, f models.DatasetFile) ([]byte, error) {
	if f.Size > maxLabel {
		return nil, models.Errorf(models.KindInvalid, "%s: %d bytes are too many for this file, at most %d", f.Path, f.Size, maxLabel)
	}
	body, err := s.Read(ctx, f)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	if err == nil && strings.ContainsRune(string(text), 0) {
		return nil, models.Errorf(models.KindInvalid, "%s: is no text", f.Path)
	}
	return text, err
}

package dataset

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// readers bounds how many small files are read at once.
const readers = 16

// contents is what the files of a version hold.
type contents struct {
	format  models.DatasetFormat
	classes []string
	images  []models.LabeledImage // in the order of paths
	columns []models.Column
	rows    int64

	faults list // what refuses the version
	found  findings
}

// reading is a version that is being read.
type reading struct {
	*Service
	version  models.DatasetVersion
	files    []models.DatasetFile // in the order of paths
	byPath   map[string]models.DatasetFile
	pictures map[string]models.ImageFacts // by digest
	whole    bool                         // look at all of it, as a commit does
}

// Committed finds a version that can be used.
func (s *Service) Committed(ctx context.Context, ref models.DatasetRef) (models.DatasetVersion, error) {
	v, _, err := s.Version(ctx, ref)
	if err == nil && v.State != models.DatasetCommitted {
		err = models.Errorf(models.KindConflict, "data set %s is not committed yet: finish the push", ref)
	}
	return v, err
}

// Open gives a committed version with its images, their labels and their tags,
// in the order of paths. A table is an error of kind invalid.
func (s *Service) Open(ctx context.Context, ref models.DatasetRef) (models.DatasetVersion, []models.LabeledImage, error) {
	v, err := s.Committed(ctx, ref)
	if err != nil {
		return v, nil, err
	}
	if v.Format.Task() == models.TaskTable {
		return v, nil, models.Errorf(models.KindInvalid, "data set %s is a table (%s): it has no images", ref, v.Format)
	}
	c, err := s.examine(ctx, v, false)
	if err != nil {
		return v, nil, err
	}
	return v, c.images, nil
}

// examine reads a version; what refuses it is an error of kind invalid, with
// the list. whole looks at every picture and every row as well.
func (s *Service) examine(ctx context.Context, v models.DatasetVersion, whole bool) (*contents, error) {
	r := reading{Service: s, version: v, whole: whole, byPath: map[string]models.DatasetFile{}}
	err := s.DB.View(ctx, func(tx storage.Tx) (err error) {
		if r.files, err = tx.Datasets().Files(v.ID); err == nil {
			r.pictures, err = tx.Datasets().Pictures(v.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(r.files, byPath)
	for _, f := range r.files {
		r.byPath[f.Path] = f
	}
	c := &contents{format: v.Format, found: findings{}}
	if c.format == "" {
		if c.format, err = r.tell(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.read(ctx, c); err != nil {
		return nil, err
	}
	return c, c.faults.err("the data set is at fault")
}

func byPath(a, b models.DatasetFile) int { return strings.Compare(a.Path, b.Path) }

func (r *reading) read(ctx context.Context, c *contents) error {
	switch c.format {
	case models.FormatYOLO:
		return r.yolo(ctx, c)
	case models.FormatCOCO:
		return r.coco(ctx, c)
	case models.FormatFolders:
		return r.folders(ctx, c)
	case models.FormatCSV, models.FormatParquet:
		return r.table(ctx, c)
	default:
		return models.Errorf(models.KindInvalid, "format: %q is none of %s", c.format, formatNames())
	}
}

// finish tags the images, and looks at their pictures where all is looked at.
func (r *reading) finish(ctx context.Context, c *contents, tag func(tagger) error) error {
	t := newTagger(c.images, &c.faults, c.found)
	if tag != nil {
		if err := tag(t); err != nil {
			return err
		}
	}
	if f, ok := r.byPath[tagsFile]; ok {
		text, err := r.text(ctx, f)
		if err != nil {
			return err
		}
		if err := t.file(bytes.NewReader(text)); err != nil {
			return err
		}
	}
	t.finish()
	if r.whole {
		r.judgePictures(c)
	}
	return nil
}

// judgePictures adds findings for pictures, which have been looked at.
func (r *reading) judgePictures(c *contents) {
	first := map[string]string{}
	for _, image := range c.images {
		seen, path := r.pictures[image.File.SHA256], image.File.Path
		if seen.Fault != "" {
			c.found.add(undecodable, path, "%s", seen.Fault)
		}
		if other, ok := first[image.File.SHA256]; ok {
			c.found.add(samePicture, path, "the same picture as %s", other)
		} else {
			first[image.File.SHA256] = path
		}
	}
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

func countsOf(tags map[string]int64) (out []models.TagCount) {
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, models.TagCount{Tag: tag, Images: tags[tag]})
	}
	return out
}

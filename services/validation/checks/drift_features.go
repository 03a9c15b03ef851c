package checks

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/drift"
	"github.com/slipway-ml/slipway/services/validation"
)

// maxSamples bounds what is kept of a data set: beyond it rows and images are
// picked evenly.
const maxSamples = 100_000

// featuresOf reads the features of a data set, the part-th of two.
func featuresOf(ctx context.Context, s *validation.Subject, set models.DatasetVersion, columns []string, part int) (features, error) {
	f := features{by: map[string]*drift.Feature{}, number: map[string]bool{}}
	ref := models.DatasetRef{Name: set.Dataset, Version: set.Number}
	if set.Format.Task() == models.TaskTable {
		_, table, err := s.Datasets.Table(ctx, ref)
		if err != nil {
			return f, err
		}
		defer func() { _ = table.Close() }()
		f.total = set.Summary.Rows
		return f, f.table(table.Columns(), columns, table.Next, func(n int64) {
			if n%1000 == 0 {
				s.Progress(int64(part)*f.total+n, 2*f.total, "rows")
			}
		})
	}
	if columns != nil {
		return f, models.Errorf(models.KindInvalid, "columns: %s is of format %s, which has none", ref, set.Format)
	}
	_, images, err := s.Datasets.Open(ctx, ref)
	if err != nil {
		return f, err
	}
	return f, f.pictures(ctx, s, set.Classes, images, part)
}

// sampled says whether the i-th of n samples is one of about most, evenly
// spread.
func sampled(i, n, most int64) bool {
	return n <= most || i*most/n != (i+1)*most/n
}

// words of more values than this are no categories.
const maxWords = 1000

// table reads the columns of a table.
func (f *features) table(columns []models.Column, wanted []string, next func() ([]any, error), progress func(int64)) error {
	for _, name := range wanted {
		if !slices.ContainsFunc(columns, func(c models.Column) bool { return c.Name == name }) {
			return noColumn("columns", name, columns)
		}
	}
	at := map[int]*drift.Feature{}
	for i, c := range columns {
		if c.Type != models.ColumnNested && (wanted == nil || slices.Contains(wanted, c.Name)) {
			at[i] = &drift.Feature{}
			f.by[c.Name], f.number[c.Name] = at[i], c.Type == models.ColumnInt || c.Type == models.ColumnFloat || c.Type == models.ColumnTime
		}
	}
	for i := int64(0); ; i++ {
		row, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if !sampled(i, f.total, maxSamples) {
			continue
		}
		f.looked++
		for i, feature := range at {
			addValue(feature, row[i])
		}
		progress(f.looked)
	}
	for name, feature := range f.by {
		if len(feature.Words) > maxWords {
			delete(f.by, name) // names and texts: each is its own
		}
	}
	return nil
}

// addValue adds a cell of a table.
func addValue(f *drift.Feature, v any) {
	switch v := v.(type) {
	case int64:
		f.Add(float64(v))
	case float64:
		f.Add(v)
	case time.Time:
		f.Add(float64(v.Unix()))
	default:
		if text, ok := word(v); ok {
			f.AddWord(text)
		} else {
			f.Missing++
		}
	}
}

// pictures reads what pictures look like and what is on them.
func (f *features) pictures(ctx context.Context, s *validation.Subject, classes []string, images []models.LabeledImage, part int) error {
	for _, name := range pictureFeatures {
		f.by[name], f.number[name] = &drift.Feature{}, true
	}
	f.by["class"] = &drift.Feature{}
	f.total = int64(len(images))
	images = spread(images, maxSamples)
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, s.Settings.Parallel))
	for _, image := range images {
		group.Go(func() error {
			values, err := describePicture(ctx, s, image.File)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			for i, name := range pictureFeatures {
				f.by[name].Add(values[i])
			}
			for _, box := range image.Boxes {
				f.by["class"].AddWord(classes[box.Class])
			}
			if image.Class >= 0 && image.Class < len(classes) {
				f.by["class"].AddWord(classes[image.Class])
			}
			f.looked++
			s.Progress(int64(part*len(images))+f.looked, int64(2*len(images)), "images")
			return nil
		})
	}
	return group.Wait()
}

// pictureFeatures are the features of pictures: sizes in pixels, and brightness,
// contrast (its deviation), the mean of each channel and sharpness (the mean
// absolute difference of neighbours), of 0 to 1.
var pictureFeatures = []string{"width", "height", "brightness", "contrast", "red", "green", "blue", "sharpness"}

func describePicture(ctx context.Context, s *validation.Subject, file models.DatasetFile) ([]float64, error) {
	picture, err := readPicture(ctx, s, file)
	if err != nil {
		return nil, err
	}
	var sum [3]float64
	var light, squares, steps float64
	n := float64(picture.Width * picture.Height)
	before := 0.0
	for i := 0; i < len(picture.Pix); i += 3 {
		r, g, b := float64(picture.Pix[i])/255, float64(picture.Pix[i+1])/255, float64(picture.Pix[i+2])/255
		sum[0] += r
		sum[1] += g
		sum[2] += b
		y := 0.299*r + 0.587*g + 0.114*b // luma, ITU-R BT.601
		light += y
		squares += y * y
		if i/3%picture.Width > 0 {
			steps += math.Abs(y - before)
		}
		before = y
	}
	mean := light / n
	values := []float64{
		float64(picture.Width), float64(picture.Height), mean, math.Sqrt(max(squares/n-mean*mean, 0)),
		sum[0] / n, sum[1] / n, sum[2] / n, steps / n,
	}
	for i, v := range values {
		values[i] = math.Round(v*1e6) / 1e6 // what sums leave behind is no difference
	}
	return values, nil
}

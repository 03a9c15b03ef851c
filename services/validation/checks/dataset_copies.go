package checks

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// copies finds samples that are there twice, or in the training set.
func copies(ctx context.Context, s *validation.Subject, settings datasetSettings, set models.DatasetVersion, training *models.DatasetVersion, report *models.Report) error {
	find := pictureCopies
	if set.Format.Task() == models.TaskTable {
		find = rowCopies
	}
	found, err := find(ctx, s, settings, set, training)
	if err != nil {
		return err
	}
	report.Measurements = append(report.Measurements, models.Measurement{Name: "duplicates", Value: float64(found.twice)})
	tell := func(n int64, pairs [][2]string, what string) {
		for i, pair := range pairs {
			f := warning(pair[0], "%s %s %s", pair[0], what, pair[1])
			if i == 0 {
				f.Remedy = "keep one of the two: what is there twice counts twice, and what was trained on tells nothing"
			}
			report.Findings = append(report.Findings, f)
		}
		if more := n - int64(len(pairs)); more > 0 {
			report.Findings = append(report.Findings, warning("", "%d more", more))
		}
	}
	tell(found.twice, found.pairs, "is, or nearly is,")
	if training == nil {
		return nil
	}
	report.Measurements = append(
		report.Measurements,
		models.Measurement{Name: "leaked", Value: float64(found.leaked)},
		models.Measurement{Name: "leaked_share", Value: float64(found.leaked) / float64(max(found.samples, 1))},
	)
	tell(found.leaked, found.leaks, "is, or nearly is, in the training set:")
	return nil
}

// found is what there is twice, with the first pairs.
type found struct {
	samples, twice, leaked int64
	pairs, leaks           [][2]string
}

// shownCopies bounds the pairs that a report names.
const shownCopies = 20

func pair(list [][2]string, a, b string) [][2]string {
	if len(list) < shownCopies {
		list = append(list, [2]string{a, b})
	}
	return list
}

// thumb is what is kept of a picture to find it again: 64 bits for each of two
// directions, set where a shrunk picture gets brighter, and that picture.
type thumb struct {
	path          string
	across, along uint64
	small         [3 * thumbSide * thumbSide]uint8
}

const thumbSide = 9

// near tells whether two pictures nearly are one: their hashes differ in few
// bits, and they are of the same colours, which flat pictures need.
func (p *thumb) near(q *thumb, distance int) bool {
	if bits.OnesCount64(p.across^q.across)+bits.OnesCount64(p.along^q.along) > distance {
		return false
	}
	const most = 8 // of 255, the mean difference
	sum := 0
	for i, v := range p.small {
		sum += max(int(v), int(q.small[i])) - min(int(v), int(q.small[i]))
	}
	return sum <= most*len(p.small)
}

// thumbOf takes a picture's thumb: the difference hash of its rows and columns
// (N. Krawetz, "Kind of Like That", 2013).
func thumbOf(path string, picture detection.Image) thumb {
	p := thumb{path: path}
	planes, _ := picture.Stretch(thumbSide, thumbSide, detection.COCO)
	const area = thumbSide * thumbSide
	var light [area]float32
	for i := range light {
		light[i] = 0.299*planes[i] + 0.587*planes[area+i] + 0.114*planes[2*area+i]
	}
	for i, v := range planes {
		p.small[i] = uint8(math.Round(float64(v) * 255))
	}
	for i := range 8 {
		for j := range 8 {
			p.across, p.along = p.across<<1, p.along<<1
			if light[i*thumbSide+j+1] > light[i*thumbSide+j] {
				p.across |= 1
			}
			if light[(j+1)*thumbSide+i] > light[j*thumbSide+i] {
				p.along |= 1
			}
		}
	}
	return p
}

func pictureCopies(ctx context.Context, s *validation.Subject, settings datasetSettings, set models.DatasetVersion, training *models.DatasetVersion) (found, error) {
	var f found
	own, err := thumbs(ctx, s, set)
	if err != nil {
		return f, err
	}
	f.samples = int64(len(own))
	var trained []thumb
	if training != nil {
		if trained, err = thumbs(ctx, s, *training); err != nil {
			return f, err
		}
	}
	for i := range own {
		if ctx.Err() != nil {
			return f, ctx.Err()
		}
		for j := range i {
			if own[i].near(&own[j], settings.Distance) {
				f.twice++
				f.pairs = pair(f.pairs, own[i].path, own[j].path)
				break
			}
		}
		for j := range trained {
			if own[i].near(&trained[j], settings.Distance) {
				f.leaked++
				f.leaks = pair(f.leaks, own[i].path, trained[j].path)
				break
			}
		}
	}
	return f, nil
}

// thumbs takes the thumbs of a data set's pictures.
func thumbs(ctx context.Context, s *validation.Subject, set models.DatasetVersion) ([]thumb, error) {
	_, images, err := s.Datasets.Open(ctx, models.DatasetRef{Name: set.Dataset, Version: set.Number})
	if err != nil {
		return nil, err
	}
	all := make([]thumb, len(images))
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, s.Settings.Parallel))
	for i, image := range images {
		group.Go(func() error {
			picture, err := readPicture(ctx, s, image.File)
			if err != nil {
				return err
			}
			all[i] = thumbOf(image.File.Path, picture)
			s.Progress(done.Add(1), int64(len(images)), "images")
			return nil
		})
	}
	return all, group.Wait()
}

// digest is what is kept of a row to find it again.
type digest [sha256.Size]byte

// rowCopies finds rows that are the same in every column.
func rowCopies(ctx context.Context, s *validation.Subject, _ datasetSettings, set models.DatasetVersion, training *models.DatasetVersion) (found, error) {
	var f found
	trained := map[digest]int64{}
	if training != nil {
		if err := eachRow(ctx, s, *training, func(row int64, sum digest) { trained[sum] = row }); err != nil {
			return f, err
		}
	}
	seen := map[digest]int64{}
	err := eachRow(ctx, s, set, func(row int64, sum digest) {
		f.samples++
		name := fmt.Sprintf("row %d", row)
		if first, twice := seen[sum]; twice {
			f.twice++
			f.pairs = pair(f.pairs, name, fmt.Sprintf("row %d", first))
		} else {
			seen[sum] = row
		}
		if at, leaked := trained[sum]; leaked {
			f.leaked++
			f.leaks = pair(f.leaks, name, fmt.Sprintf("row %d", at))
		}
	})
	return f, err
}

// eachRow hashes the rows of a table, counted from 1.
func eachRow(ctx context.Context, s *validation.Subject, set models.DatasetVersion, fn func(row int64, sum digest)) error {
	_, table, err := s.Datasets.Table(ctx, models.DatasetRef{Name: set.Dataset, Version: set.Number})
	if err != nil {
		return err
	}
	defer func() { _ = table.Close() }()
	for row := int64(1); ; row++ {
		cells, err := table.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		whole := make(map[string]any, len(cells)) // by name: the order of columns is no difference
		for i, c := range table.Columns() {
			whole[c.Name] = cell(cells[i])
		}
		text, err := json.Marshal(whole)
		if err != nil {
			return err
		}
		fn(row, sha256.Sum256(text))
		if row%1000 == 0 {
			s.Progress(row, max(set.Summary.Rows, row), "rows")
		}
	}
}

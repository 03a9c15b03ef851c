package checks

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// trial runs a detector over a data set as it is and after each change.
type trial struct {
	s        *validation.Subject
	served   *validation.Served
	set      models.DatasetVersion
	images   []models.LabeledImage
	strength float64
	changes  []transform

	seen [][]looked // by change, the first unchanged; by image
}

// run asks every picture; they stream, a few at once.
func (t *trial) run(ctx context.Context) error {
	t.seen = make([][]looked, len(t.changes)+1)
	for i := range t.seen {
		t.seen[i] = make([]looked, len(t.images))
	}
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, t.s.Settings.Parallel))
	for i := range t.images {
		group.Go(func() error {
			if err := t.image(ctx, i); err != nil {
				return err
			}
			t.s.Progress(done.Add(1), int64(len(t.images)), "images")
			return nil
		})
	}
	return group.Wait()
}

// image asks one image as it is and after each change.
func (t *trial) image(ctx context.Context, i int) error {
	file := t.images[i].File
	original, err := readPicture(ctx, t.s, file)
	if err != nil {
		return err
	}
	for n := range t.seen {
		changed := original
		if n > 0 {
			if changed, err = t.changes[n-1].picture(original, t.strength, uint64(i)); err != nil {
				return fmt.Errorf("change %s: %w", file.Path, err)
			}
		}
		encoded, err := encode(changed)
		if err != nil {
			return err
		}
		seen, err := boxesOf(ctx, t.served, encoded, len(t.set.Classes))
		if err != nil {
			return err
		}
		if seen.fault == ofKind {
			return models.Errorf(models.KindUnsupported, "%s", seen.words)
		}
		seen.Width, seen.Height = original.Width, original.Height
		t.seen[n][i] = seen
	}
	return nil
}

// report makes measurements and findings of what was seen.
func (t *trial) report(report *models.Report, odd odd) error {
	meta, err := detection.ParseMeta(t.served.Facts.Model.Metadata)
	if err != nil {
		return err
	}
	classes, missing, found := match(t.set.Classes, meta)
	report.Findings = append(report.Findings, found...)
	if missing {
		return nil
	}
	add := func(name string, value float64) {
		report.Measurements = append(report.Measurements, models.Measurement{Name: name, Value: value})
	}
	unanswered, worst := odd.unanswered, 0.0
	clean := t.score(0, classes)
	if clean.MAP50 < 0 {
		return models.Errorf(models.KindInvalid, "the images have no labels to measure on: raise sample, or name another data set")
	}
	add("map50", clean.MAP50)
	add("map50_95", clean.MAP5095)
	var drops []float64
	for n := range t.seen {
		name := unchanged
		if n > 0 {
			name = t.changes[n-1].name
			after := t.score(n, classes)
			drop := clean.MAP50 - after.MAP50
			add("map50["+name+"]", after.MAP50)
			add("map50_95["+name+"]", after.MAP5095)
			add("map50_drop["+name+"]", drop)
			add("map50_95_drop["+name+"]", clean.MAP5095-after.MAP5095)
			worst = max(worst, drop)
			drops = append(drops, drop)
		}
		unanswered += unansweredAfter(name, t.images, t.faults(n), report)
	}
	add("worst_map50_drop", worst)
	add("unanswered", float64(unanswered))
	add("images", float64(len(t.images)))
	report.Figures.Charts = append(report.Figures.Charts, falls("mAP50", t.s.Version.Ref(), t.changes, drops))
	return nil
}

// unchanged names the pictures before any change.
const unchanged = "the images as they are"

// falls draws how far a figure falls by each change.
func falls(figure, version string, changes []transform, drops []float64) models.Chart {
	return models.Chart{
		Title: "Fall by change", Kind: models.ChartBars, Y: figure + " lost", About: "How far " + figure + " falls when the pictures are changed.",
		Labels: changeNames(changes), Series: []models.Series{{Name: version, Y: drops}},
	}
}

// faults says why each image has no answer after a change; "" where it has.
func (t *trial) faults(n int) []string {
	words := make([]string, len(t.images))
	for i, seen := range t.seen[n] {
		if seen.fault != none {
			words[i] = seen.words
		}
	}
	return words
}

// unansweredAfter counts the pictures that the model does not answer after a
// change, and says so once.
func unansweredAfter(name string, images []models.LabeledImage, faults []string, report *models.Report) int {
	count, first := 0, -1
	for i, fault := range faults {
		if fault != "" {
			if count++; first < 0 {
				first = i
			}
		}
	}
	if count > 0 {
		report.Findings = append(report.Findings, problem(name, "it does not answer %d of %d images (%s), %s first: %s",
			count, len(images), name, images[first].File.Path, faults[first]))
	}
	return count
}

// score measures what was seen after a change against the labels, moved along.
func (t *trial) score(n int, classes []int) detection.Scores {
	boxes, truth := make([][]detection.Box, len(t.images)), make([][]detection.Label, len(t.images))
	for i, image := range t.images {
		seen := t.seen[n][i]
		w, h := float64(seen.Width), float64(seen.Height)
		for _, box := range seen.Boxes {
			if classes != nil { // else the model names none, and is taken by id
				if box.ClassID < 0 || box.ClassID >= len(classes) || classes[box.ClassID] < 0 {
					continue
				}
				box.ClassID = classes[box.ClassID]
			}
			boxes[i] = append(boxes[i], box)
		}
		for _, l := range labels(image, seen.Width, seen.Height) {
			if n > 0 && t.changes[n-1].box != nil {
				moved := t.changes[n-1].box(l.Box, w, h, t.strength)
				if moved.Area() < leastLeft*l.Box.Area() {
					continue // it has left the picture
				}
				l.Box = moved
			}
			truth[i] = append(truth[i], l)
		}
	}
	return detection.Score(boxes, truth, t.set.Classes, maxBoxes)
}

// maxBoxes is how many boxes of a picture count.
const maxBoxes = 300

// leastLeft is the share of a label's area that must be left in the picture.
const leastLeft = 0.3

package checks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
)

// shaken runs a classifier over pictures as they are and after each change.
type shaken struct {
	*classified
	images   []models.LabeledImage
	strength float64
	changes  []transform

	in            input
	width, height int
	seen          [][]predicted // by change, the first unchanged; by image
	faults        [][]string    // why there is none
}

// run asks the odd pictures and the changed ones, and reports.
func (k *shaken) run(ctx context.Context, report *models.Report) error {
	inputs, err := modelInputs(ctx, k.s, k.served)
	if err != nil {
		return err
	}
	if k.width, k.height, err = pictureSize(inputs, k.served.Facts.Model.Metadata); err != nil {
		report.Findings, err = blame("model", err)
		return err
	}
	k.in = inputs[0]
	unanswered, err := k.probe(ctx, report)
	if err != nil {
		return err
	}
	if err := k.look(ctx); err != nil {
		return err
	}
	return k.report(ctx, report, unanswered)
}

// probe asks the odd pictures and counts those that are not answered.
func (k *shaken) probe(ctx context.Context, report *models.Report) (int, error) {
	var o odd
	for _, p := range oddPictures(k.width, k.height) {
		_, fault, err := k.answer(ctx, flat(p.width, p.height, p.value))
		if err != nil {
			return 0, err
		}
		o.note(p.name, fault)
	}
	report.Findings = append(report.Findings, o.findings...)
	return o.unanswered, nil
}

// answer asks a picture; fault says why the answer is none.
func (k *shaken) answer(ctx context.Context, picture detection.Image) (said predicted, fault string, err error) {
	said, err = k.tell(ctx, k.in, k.width, k.height, picture)
	var no *refusedError
	if errors.As(err, &no) && no.fault {
		return said, no.message, nil
	}
	if err != nil {
		return said, "", err
	}
	for name, values := range said.numbers {
		if !finite(values) {
			return said, fmt.Sprintf("values of output %q are no numbers", name), nil
		}
	}
	return said, "", nil
}

// look asks every picture; they stream, a few at once.
func (k *shaken) look(ctx context.Context) error {
	k.seen, k.faults = make([][]predicted, len(k.changes)+1), make([][]string, len(k.changes)+1)
	for n := range k.seen {
		k.seen[n], k.faults[n] = make([]predicted, len(k.images)), make([]string, len(k.images))
	}
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, k.s.Settings.Parallel))
	for i, image := range k.images {
		group.Go(func() error {
			original, err := readPicture(ctx, k.s, image.File)
			if err != nil {
				return err
			}
			for n := range k.seen {
				changed := original
				if n > 0 {
					if changed, err = k.changes[n-1].picture(original, k.strength, uint64(i)); err != nil {
						return fmt.Errorf("change %s: %w", image.File.Path, err)
					}
				}
				if k.seen[n][i], k.faults[n][i], err = k.answer(ctx, changed); err != nil {
					return err
				}
			}
			k.s.Progress(done.Add(1), int64(len(k.images)), "images")
			return nil
		})
	}
	return group.Wait()
}

// accuracy is that after a change, over the pictures that were answered.
func (k *shaken) accuracy(ctx context.Context, n int) (float64, error) {
	own := &classified{s: k.s, served: k.served, set: k.set, settings: k.settings, unknown: map[string]int{}}
	if err := own.begin(ctx, func() ([]string, error) { return k.set.Classes, nil }); err != nil {
		return 0, err
	}
	answered := 0
	for i, said := range k.seen[n] {
		if k.faults[n][i] != "" {
			continue
		}
		answered++
		class := k.set.Classes[k.images[i].Class]
		if err := own.add(said, func(int) (string, bool) { return class, true }, nil); err != nil {
			return 0, err
		}
	}
	if answered == 0 {
		return 0, nil // which has findings of its own
	}
	if own.answers.given.Len() == 0 {
		return 0, models.Errorf(models.KindInvalid, "no image is of a class that the model knows, which are %v: name them in its order (classes)", own.order)
	}
	return own.answers.given.Scores().Accuracy, nil
}

// report makes measurements and findings of what was seen.
func (k *shaken) report(ctx context.Context, report *models.Report, unanswered int) error {
	add := func(name string, value float64) {
		report.Measurements = append(report.Measurements, models.Measurement{Name: name, Value: value})
	}
	clean, worst := 0.0, 0.0
	var drops []float64
	for n := range k.seen {
		name := unchanged
		if n > 0 {
			name = k.changes[n-1].name
		}
		unanswered += unansweredAfter(name, k.images, k.faults[n], report)
		after, err := k.accuracy(ctx, n)
		if err != nil {
			return err
		}
		if n == 0 {
			clean = after
			add("accuracy", clean)
			continue
		}
		add("accuracy["+name+"]", after)
		add("accuracy_drop["+name+"]", clean-after)
		drops, worst = append(drops, clean-after), max(worst, clean-after)
	}
	add("worst_accuracy_drop", worst)
	add("unanswered", float64(unanswered))
	add("images", float64(len(k.images)))
	report.Figures.Charts = append(report.Figures.Charts, falls("accuracy", k.s.Version.Ref(), k.changes, drops))
	return nil
}

func finite(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

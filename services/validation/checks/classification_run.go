package checks

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/accuracy"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// classified is the work of one run.
type classified struct {
	s        *validation.Subject
	served   *validation.Served
	set      models.DatasetVersion
	settings classificationSettings

	order   []string        // classes as the model counts them
	decimal map[string]bool // outputs that are no whole numbers
	scale   scale
	answers answers[*accuracy.Classes]
	samples int            // looked at
	missing int            // samples without a true class
	nan     int            // samples of whose prediction something is NaN
	unknown map[string]int // true classes that the model does not know
	labels  int            // labels of the model's that are no class of its
}

// begin finds the order of the classes: the step's, the model's own, or the
// data set's.
func (c *classified) begin(ctx context.Context, fallback func() ([]string, error)) error {
	var said struct {
		Outputs []input `json:"outputs"`
	}
	if err := c.served.Get(ctx, modelPath(c.s.Version.Model), &said); err != nil {
		return err
	}
	c.decimal = map[string]bool{}
	for _, out := range said.Outputs {
		c.decimal[out.Name] = slices.Contains([]string{"FP16", "FP32", "FP64"}, out.Datatype)
	}
	c.order = c.settings.Classes
	if c.order == nil {
		meta, err := detection.ParseMeta(c.served.Facts.Model.Metadata)
		if err != nil {
			return err
		}
		c.order = meta.Names
	}
	if c.order == nil {
		var err error
		if c.order, err = fallback(); err != nil {
			return err
		}
	}
	c.answers.given = accuracy.NewClasses(c.order)
	return nil
}

// maxClasses is beyond what a column is taken for numbers.
const maxClasses = 1000

// rows classifies the rows of a table.
func (c *classified) rows(ctx context.Context) error {
	if c.settings.Target == "" {
		return models.Errorf(models.KindInvalid, "target: name the column of %s that holds the class", c.s.Step.Dataset)
	}
	if err := c.begin(ctx, func() ([]string, error) { return c.distinct(ctx) }); err != nil {
		return err
	}
	_, table, err := c.s.Datasets.Table(ctx, *c.s.Step.Dataset)
	if err != nil {
		return err
	}
	defer func() { _ = table.Close() }()
	run, err := newTableRun(ctx, c.s, c.served, table, c.settings.Target, c.settings.Features)
	if err != nil {
		return err
	}
	run.total = c.set.Summary.Rows
	columns := table.Columns()
	target := slices.IndexFunc(columns, func(col models.Column) bool { return col.Name == c.settings.Target })
	return run.each(ctx, func(rows [][]any, said predicted) error {
		return c.add(said, func(i int) (string, bool) { return word(rows[i][target]) }, func(i int, where sliceWhere) bool { return where.hasRow(columns, rows[i]) })
	})
}

// distinct gives the classes of a table's target in the order of scikit-learn:
// numbers by size, texts by their letters.
func (c *classified) distinct(ctx context.Context) ([]string, error) {
	_, table, err := c.s.Datasets.Table(ctx, *c.s.Step.Dataset)
	if err != nil {
		return nil, err
	}
	defer func() { _ = table.Close() }()
	at := slices.IndexFunc(table.Columns(), func(col models.Column) bool { return col.Name == c.settings.Target })
	if at < 0 {
		return nil, noColumn("target", c.settings.Target, table.Columns())
	}
	seen := map[string]bool{}
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if text, ok := word(row[at]); ok {
			seen[text] = true
		}
		if len(seen) > maxClasses {
			return nil, models.Errorf(models.KindInvalid, "target: %q has more than %d different values: check: regression judges numbers", c.settings.Target, maxClasses)
		}
	}
	names := keys(seen)
	slices.SortStableFunc(names, func(a, b string) int {
		x, err := strconv.ParseFloat(a, 64)
		y, err2 := strconv.ParseFloat(b, 64)
		switch {
		case err != nil || err2 != nil || x == y:
			return 0
		case x < y:
			return -1
		}
		return 1
	})
	return names, nil
}

// pictures classifies the images of folders.
func (c *classified) pictures(ctx context.Context) error {
	_, images, err := c.s.Datasets.Open(ctx, *c.s.Step.Dataset)
	if err != nil {
		return err
	}
	if images, err = without(images, c.settings.Exclude, c.s.Step.Dataset); err != nil {
		return err
	}
	if err := c.begin(ctx, func() ([]string, error) { return c.set.Classes, nil }); err != nil {
		return err
	}
	seen, err := c.look(ctx, images)
	if err != nil {
		return err
	}
	for i, said := range seen {
		image := images[i]
		if err := c.add(said, func(int) (string, bool) { return c.set.Classes[image.Class], true }, func(_ int, where sliceWhere) bool { return where.has(image) }); err != nil {
			return err
		}
	}
	return nil
}

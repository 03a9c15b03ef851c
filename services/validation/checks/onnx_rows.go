package checks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// together is how many rows are asked at once, and alone which of them.
const together = 8

var alone = []int{0, 3, 7}

// along is a symbol of a first dimension that counts steps of a sequence, which
// belong together, and no rows.
var along = regexp.MustCompile(`(?i)seq|len|time|step|token|frame|word`)

// batched tells whether the model says that it takes any number of rows.
func (q *inquiry) batched() bool {
	return !slices.ContainsFunc(q.inputs, func(in input) bool { return len(in.Shape) == 0 || in.Shape[0] >= 0 }) &&
		!slices.ContainsFunc(q.model.Inputs, func(v value) bool { return len(v.Dims) > 0 && along.MatchString(v.Dims[0]) })
}

// rows holds rows of a batch against the same rows alone: a model that mixes
// them answers each caller by who else asks at that moment.
func (q *inquiry) rows(ctx context.Context) error {
	if !q.batched() {
		return nil
	}
	noise, ok := makeNoise(q.inputs, q.shapes, q.guess, together)
	if !ok {
		q.add(info("batch", "%d rows of noise are too large to be asked together", together))
		return nil
	}
	var no *refusedError
	batch, err := noise.question(q.s.Version.Model).ask(ctx, q.served)
	if errors.As(err, &no) && !no.fault {
		q.add(info("batch", "%d rows of noise could not be asked together: %s", together, no.message))
		return nil
	}
	if errors.As(err, &no) {
		f := problem("batch", "its first dimension is open, and it fails on %d rows: %s", together, no.message)
		f.Remedy = "export it with a batch of 1, or mend the operators that take a batch of 1 for granted"
		q.add(f)
		return nil
	}
	if err != nil {
		return err
	}
	worst := 0.0
	for _, i := range alone {
		single, err := noise.row(i).question(q.s.Version.Model).ask(ctx, q.served)
		if errors.As(err, &no) {
			q.add(problem("batch", "it answers %d rows of noise together and fails on row %d alone: %s", together, i, no.message))
			return nil
		}
		if err != nil {
			return err
		}
		difference, compared := q.compareRow(batch, single, i)
		if !compared {
			q.add(info("batch", "no output has a row for each row of the input: batches are not compared"))
			return nil
		}
		worst = max(worst, difference)
	}
	q.asked = append(q.asked, fmt.Sprintf("%d rows together and alone", together))
	q.report.Measurements = append(q.report.Measurements, models.Measurement{Name: "batch_difference", Value: worst})
	if worst > q.settings.Tolerance {
		f := problem("batch", "a row in a batch of %d differs from the same row alone by %.3g of the output's largest number; %g is borne with (batch_tolerance)", together, worst, q.settings.Tolerance)
		f.Remedy = "export it for inference (no batch normalisation in training mode), and look for operators that mix rows, such as a softmax over the first axis"
		q.add(f)
	}
	return nil
}

// compareRow gives the largest difference of a row of a batch from the same row
// alone, over the outputs that have rows.
func (q *inquiry) compareRow(batch, single tensors, row int) (worst float64, compared bool) {
	for i, whole := range batch.outputs {
		if i >= len(single.outputs) {
			break
		}
		one := single.outputs[i]
		if len(whole.Shape) == 0 || whole.Shape[0] != together || len(one.Shape) != len(whole.Shape) || one.Shape[0] != 1 ||
			!slices.Equal(whole.Shape[1:], one.Shape[1:]) || whole.Datatype == "BYTES" {
			continue
		}
		compared = true
		worst = max(worst, difference(whole, one, row))
	}
	return worst, compared
}

// difference is the largest difference of a row from the only row of one, as a
// share of the largest number of the whole; of other than floats 1 where
// anything differs.
func difference(whole, one tensor, row int) float64 {
	width := len(one.raw)
	if (row+1)*width > len(whole.raw) {
		return 1
	}
	mine := tensor{Datatype: whole.Datatype, raw: whole.raw[row*width : (row+1)*width]}
	floats := one.floats()
	if floats == nil {
		if bytes.Equal(mine.raw, one.raw) {
			return 0
		}
		return 1
	}
	largest, most := 0.0, 0.0
	for _, v := range whole.floats() {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			largest = max(largest, math.Abs(v))
		}
	}
	for i, v := range mine.floats() {
		if d := math.Abs(v - floats[i]); d > most {
			most = d
		}
	}
	if most == 0 {
		return 0
	}
	return most / largest
}

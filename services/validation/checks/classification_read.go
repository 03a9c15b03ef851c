package checks

import (
	"math"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/models"
)

// scale is what a model's scores are.
type scale int

const (
	unscaled      scale = iota // there are none, or nobody has looked
	probabilities              // they add up to 1
	logits                     // of which the softmax is taken
	halfLogit                  // one for two classes, of which the sigmoid is taken
)

func (s scale) words() string {
	return map[scale]string{
		unscaled: "labels alone", probabilities: "probabilities", logits: "softmax of the output", halfLogit: "sigmoid of the output",
	}[s]
}

// read finds the scores of each class and the labels in an answer; either may
// be nil.
func (c *classified) read(said predicted) (shares []float64, labels []string, err error) {
	k := len(c.order)
	fits := func(name string) bool {
		w := said.width(name)
		return c.decimal[name] && (w == k || w == 1 && k == 2)
	}
	var scores, names []string
	for _, name := range keys(said.numbers) {
		switch {
		case c.settings.Output != "" && name != c.settings.Output:
		case fits(name):
			scores = append(scores, name)
		case !c.decimal[name] && said.width(name) == 1:
			names = append(names, name)
		}
	}
	for _, name := range keys(said.texts) {
		if c.settings.Output == "" || name == c.settings.Output {
			names = append(names, name)
		}
	}
	if len(scores) > 1 || len(names) > 1 || len(scores)+len(names) == 0 {
		return nil, nil, models.Errorf(models.KindInvalid,
			"output: which output holds the scores of the %d classes %q cannot be told from %q: name it, and the classes in its order", k, c.order, append(keys(said.numbers), keys(said.texts)...))
	}
	if len(names) == 1 {
		if labels = said.texts[names[0]]; labels == nil {
			for _, v := range said.numbers[names[0]] {
				labels = append(labels, strconv.FormatFloat(v, 'f', -1, 64))
			}
		}
	}
	if len(scores) == 1 {
		shares = c.shares(said.numbers[scores[0]], said.width(scores[0]))
	}
	return shares, labels, nil
}

// shares makes probabilities of scores. What they are is told by the first
// answer: those that are not 0 to 1, or do not add up to 1, are logits.
func (c *classified) shares(scores []float64, width int) []float64 {
	const slack = 1e-3
	if c.scale == unscaled {
		c.scale = probabilities
		for row := range slices.Chunk(scores, width) {
			sum := 0.0
			for _, v := range row {
				if v < -slack || v > 1+slack {
					c.scale = logits
				}
				sum += v
			}
			if width > 1 && math.Abs(sum-1) > slack*float64(width) {
				c.scale = logits
			}
		}
		if c.scale == logits && width == 1 {
			c.scale = halfLogit
		}
	}
	out := make([]float64, 0, len(scores))
	for row := range slices.Chunk(scores, width) {
		switch {
		case c.scale == halfLogit:
			p := 1 / (1 + math.Exp(-row[0]))
			out = append(out, 1-p, p)
		case width == 1:
			out = append(out, 1-row[0], row[0])
		case c.scale == logits:
			out = append(out, softmax(row)...)
		default:
			out = append(out, row...)
		}
	}
	return out
}

func softmax(row []float64) []float64 {
	top, sum := slices.Max(row), 0.0
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = math.Exp(v - top)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

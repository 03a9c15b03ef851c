package accuracy

import (
	"math"
	"slices"

	"github.com/slipway-ml/slipway/services/bootstrap"
)

// Figure is one score; NaN where it cannot be told.
type Figure struct {
	Name  string
	Value float64
}

// Predictions are Classes or Numbers.
type Predictions[P any] interface {
	Len() int
	Drawn(weights []int32) P
	Figures() []Figure
}

// Compare gives the differences of figures of two models whose i-th predictions
// are of the same sample, on the samples in pool. A figure that one of the two
// has not is left out.
func Compare[P Predictions[P]](b bootstrap.Bootstrap, fresh, old P, figures []string, pool []int) []bootstrap.Difference {
	weights := make([]int32, fresh.Len())
	for _, i := range pool {
		weights[i] = 1
	}
	var out []bootstrap.Difference
	var names []string
	a, c := lookup(fresh.Drawn(weights), figures), lookup(old.Drawn(weights), figures)
	for i, name := range figures {
		if !math.IsNaN(a[i]) && !math.IsNaN(c[i]) {
			out, names = append(out, bootstrap.Difference{Figure: name, New: a[i], Old: c[i]}), append(names, name)
		}
	}
	b.Intervals(out, len(weights), pool, func() bootstrap.Scorer {
		return func(weights []int32) []float64 {
			difference, old := lookup(fresh.Drawn(weights), names), lookup(old.Drawn(weights), names)
			for i := range difference {
				difference[i] -= old[i]
			}
			return difference
		}
	})
	return out
}

func lookup[P Predictions[P]](of P, names []string) []float64 {
	all, out := of.Figures(), make([]float64, len(names))
	for i, name := range names {
		out[i] = math.NaN()
		if at := slices.IndexFunc(all, func(f Figure) bool { return f.Name == name }); at >= 0 {
			out[i] = all[at].Value
		}
	}
	return out
}

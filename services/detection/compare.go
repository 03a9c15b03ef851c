package detection

import (
	"math"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/bootstrap"
)

// Compare gives the differences of figures of two detectors on the pictures
// that pictures selects (nil: all). A figure that one of the two has not is left
// out.
func Compare(b bootstrap.Bootstrap, fresh, old *Evidence, figures []string, pictures []bool) ([]bootstrap.Difference, error) {
	if err := samePictures(fresh, old); err != nil {
		return nil, err
	}
	var parts Parts
	for _, f := range figures {
		parts |= PartOf(f)
	}
	pool := make([]int, 0, len(fresh.Pictures))
	weights := make([]int32, len(fresh.Pictures))
	for i := range fresh.Pictures {
		if pictures == nil || pictures[i] {
			pool = append(pool, i)
			weights[i] = 1
		}
	}
	ranked := [2]*Ranked{fresh.Rank(), old.Rank()}
	var out []bootstrap.Difference
	var names []string
	a, c := ranked[0].Weighted(weights, parts).Lookup(figures), ranked[1].Weighted(weights, parts).Lookup(figures)
	for i, name := range figures {
		if !math.IsNaN(a[i]) && !math.IsNaN(c[i]) {
			out, names = append(out, bootstrap.Difference{Figure: name, New: a[i], Old: c[i]}), append(names, name)
		}
	}
	b.Intervals(out, len(weights), pool, func() bootstrap.Scorer {
		scorers, difference := [2]Scorer{}, make([]float64, len(names))
		return func(weights []int32) []float64 {
			fresh := scorers[0].Scores(ranked[0], weights, parts).Lookup(names)
			old := scorers[1].Scores(ranked[1], weights, parts).Lookup(names)
			for i := range names { // a draw without a label of a class tells nothing of it
				difference[i] = fresh[i] - old[i]
			}
			return difference
		}
	})
	return out, nil
}

func samePictures(a, b *Evidence) error {
	same := len(a.Pictures) == len(b.Pictures) && slices.Equal(a.Classes, b.Classes) && a.Convention == b.Convention
	for i := range a.Pictures {
		same = same && a.Pictures[i].Name == b.Pictures[i].Name
	}
	if !same {
		return models.Errorf(models.KindInvalid, "the two were not measured on the same pictures and classes")
	}
	return nil
}

// Lookup finds figures by name; NaN for what is not there.
func (s Scores) Lookup(names []string) []float64 {
	out := make([]float64, len(names))
	all := s.Figures()
	for i, name := range names {
		out[i] = math.NaN()
		if at := slices.IndexFunc(all, func(f Figure) bool { return f.Name == name }); at >= 0 {
			out[i] = all[at].Value
		}
	}
	return out
}

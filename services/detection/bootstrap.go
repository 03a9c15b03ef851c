package detection

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/slipway-ml/slipway/models"
)

// Difference is how much a figure of one detector is above that of another on
// the same pictures, with the interval in which it would be on other pictures
// of the same kind.
type Difference struct {
	Figure    string
	New, Old  float64
	Low, High float64 // bounds of New-Old, each missed with a probability of 1-Level
}

// Estimate is the difference on the pictures themselves.
func (d Difference) Estimate() float64 { return d.New - d.Old }

// Bootstrap says how intervals are computed: by drawing as many pictures as
// there are, with replacement, again and again (Efron's percentile interval,
// paired: both detectors are scored on the same draw).
type Bootstrap struct {
	Resamples int     // draws
	Seed      uint64  // the same seed gives the same draws
	Level     float64 // of each bound, such as 0.95
}

// Compare gives the differences of figures of two detectors on the pictures
// that pictures selects (nil: all). The same evidence and seed give the same
// intervals on any machine. A figure that one of the two has not is left out.
func (b Bootstrap) Compare(fresh, old *Evidence, figures []string, pictures []bool) ([]Difference, error) {
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
	var out []Difference
	a, c := ranked[0].Weighted(weights, parts).Lookup(figures), ranked[1].Weighted(weights, parts).Lookup(figures)
	for i, name := range figures {
		if a[i] >= 0 && c[i] >= 0 {
			out = append(out, Difference{Figure: name, New: a[i], Old: c[i]})
		}
	}
	names := make([]string, len(out))
	for i, d := range out {
		names[i] = d.Figure
	}
	drawn := b.draw(ranked, pool, len(weights), names, parts)
	for i := range out {
		slices.Sort(drawn[i])
		out[i].Low, out[i].High = quantile(drawn[i], 1-b.Level), quantile(drawn[i], b.Level)
	}
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

// draw gives the differences of each figure over the resamples. Each resample
// has a generator of its own, so that the order of work does not matter.
func (b Bootstrap) draw(ranked [2]*Ranked, pool []int, pictures int, names []string, parts Parts) [][]float64 {
	out := make([][]float64, len(names))
	for i := range out {
		out[i] = make([]float64, b.Resamples)
	}
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wait.Go(func() {
			scorers, weights := [2]Scorer{}, make([]int32, pictures)
			for n := w; n < b.Resamples; n += workers {
				clear(weights)
				random := rand.New(rand.NewPCG(b.Seed, uint64(n))) //nolint:gosec // draws that can be repeated
				for range pool {
					weights[pool[random.IntN(len(pool))]]++
				}
				fresh := scorers[0].Scores(ranked[0], weights, parts).Lookup(names)
				old := scorers[1].Scores(ranked[1], weights, parts).Lookup(names)
				for i := range names { // a draw without a label of a class measures 0 of it for both
					out[i][n] = max(fresh[i], 0) - max(old[i], 0)
				}
			}
		})
	}
	wait.Wait()
	return out
}

// Lookup finds figures by name; -1 for what is not there.
func (s Scores) Lookup(names []string) []float64 {
	out := make([]float64, len(names))
	all := s.Figures()
	for i, name := range names {
		out[i] = -1
		if at := slices.IndexFunc(all, func(f Figure) bool { return f.Name == name }); at >= 0 {
			out[i] = all[at].Value
		}
	}
	return out
}

// quantile interpolates between the sorted values next to it.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	next := min(i+1, len(sorted)-1)
	return sorted[i] + (at-float64(i))*(sorted[next]-sorted[i])
}

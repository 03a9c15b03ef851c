// Package bootstrap gives intervals of the difference of two models' figures on
// the same samples: as many samples as there are, are drawn with replacement,
// again and again, and both models are scored on the same draw (B. Efron,
// R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13: the
// percentile interval, paired).
package bootstrap

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

// Difference is how much a figure of one model is above that of another on the
// same samples, with the interval in which it would be on other samples of the
// same kind.
type Difference struct {
	Figure    string
	New, Old  float64
	Low, High float64 // bounds of New-Old, each missed with a probability of 1-Level
}

// Estimate is the difference on the samples themselves.
func (d Difference) Estimate() float64 { return d.New - d.Old }

// Bootstrap says how intervals are computed.
type Bootstrap struct {
	Resamples int     // draws
	Seed      uint64  // the same seed gives the same draws
	Level     float64 // of each bound, such as 0.95
}

// Scorer gives the difference of each figure on a draw, in which sample i stands
// weights[i] times; NaN where a draw does not tell.
type Scorer func(weights []int32) []float64

// Intervals fills the bounds of differences in. samples counts all, pool lists
// those that are drawn from, and start makes a Scorer of their figures for one
// goroutine. The same seed gives the same bounds on any machine.
func (b Bootstrap) Intervals(differences []Difference, samples int, pool []int, start func() Scorer) {
	drawn := make([][]float64, len(differences))
	for i := range drawn {
		drawn[i] = make([]float64, b.Resamples)
	}
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wait.Go(func() {
			score, weights := start(), make([]int32, samples)
			for n := w; n < b.Resamples; n += workers {
				clear(weights)
				// A generator for each draw, so that the order of work does not matter.
				random := rand.New(rand.NewPCG(b.Seed, uint64(n))) //nolint:gosec // draws that can be repeated
				for range pool {
					weights[pool[random.IntN(len(pool))]]++
				}
				for i, difference := range score(weights) {
					drawn[i][n] = difference
				}
			}
		})
	}
	wait.Wait()
	for i, d := range drawn {
		d = slices.DeleteFunc(d, math.IsNaN)
		if len(d) == 0 {
			differences[i].Low, differences[i].High = math.Inf(-1), math.Inf(1)
			continue
		}
		slices.Sort(d)
		differences[i].Low, differences[i].High = quantile(d, 1-b.Level), quantile(d, b.Level)
	}
}

// quantile interpolates between the sorted values next to it.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := min(int(at), len(sorted)-1)
	next := min(i+1, len(sorted)-1)
	return sorted[i] + (at-float64(i))*(sorted[next]-sorted[i])
}

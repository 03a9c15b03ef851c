package checks

import (
	"fmt"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
)

// minRounds is how many rounds an interval needs.
const minRounds = 5

// against holds figures against the champion's. no_worse_than is a share, and
// has to hold at the worse end of the 95 % interval of the ratio, so that noise
// does not decide. What is measured once alone is compared as it is.
func against(spec models.CompareSpec, own, champion *contender, report *models.Report) {
	for _, metric := range spec.Metrics {
		ratio, low, high, ok := ratioOf(metric, own, champion)
		if !ok {
			continue
		}
		interval := fmt.Sprintf("%.3g times, from %.3g to %.3g at 95 %%", ratio, low, high)
		said := fmt.Sprintf("%s is %.4g, and %s's is %.4g (%s)", metric, own.figures()[metric], spec.Against, champion.figures()[metric], interval)
		if !lower(metric) { // as many times less as the others are more
			low, high = 1/high, 1/low
		}
		margin, verdict := 100*spec.NoWorseThan, "no worse"
		switch {
		case high <= 1+spec.NoWorseThan:
			report.Findings = append(report.Findings, info(metric, "%s: no worse by more than %.3g %%", said, margin))
		case low > 1+spec.NoWorseThan:
			verdict = "worse"
			report.Findings = append(report.Findings, problem(metric, "%s: worse by more than %.3g %%", said, margin))
		default:
			verdict = "inconclusive"
			f := problem(metric, "%s: %d rounds cannot tell whether it is worse by more than %.3g %%", said, len(own.rounds), margin)
			f.Remedy = "measure longer (requests, rounds), on a machine with less else to do, or allow more (no_worse_than)"
			report.Findings = append(report.Findings, f)
		}
		report.Facts["compare "+metric] = verdict + ": " + interval
	}
}

func lower(metric string) bool {
	return slices.ContainsFunc(Latency{}.Declare().Measures, func(m pipeline.Measure) bool { return m.Name == metric && m.Lower })
}

// ratioOf gives own by champion with its 95 % interval, by the jackknife over
// rounds (Tukey's pseudo-values of the logarithm of the ratio, Student's t).
func ratioOf(metric string, own, champion *contender) (ratio, low, high float64, ok bool) {
	rounds := min(len(own.rounds), len(champion.rounds))
	whole, ok := logRatio(metric, own, champion, -1)
	if !ok {
		return 0, 0, 0, false
	}
	if metric == "cold_start_ms" || metric == "peak_memory_mb" {
		return math.Exp(whole), math.Exp(whole), math.Exp(whole), true
	}
	values, mean := make([]float64, rounds), 0.0
	for r := range values {
		without, _ := logRatio(metric, own, champion, r)
		values[r] = float64(rounds)*whole - float64(rounds-1)*without
		mean += values[r] / float64(rounds)
	}
	variance := 0.0
	for _, v := range values {
		variance += (v - mean) * (v - mean) / float64(rounds-1)
	}
	half := student95(rounds-1) * math.Sqrt(variance/float64(rounds))
	return math.Exp(whole), math.Exp(mean - half), math.Exp(mean + half), true
}

// logRatio is the logarithm of own by champion, without one round.
func logRatio(metric string, own, champion *contender, without int) (float64, bool) {
	mine, ok := own.without(without).figure(metric)
	its, ok2 := champion.without(without).figure(metric)
	return math.Log(mine / its), ok && ok2 && mine > 0 && its > 0
}

// without is the contender without one of its rounds; -1 leaves out none.
func (c *contender) without(round int) *contender {
	if round < 0 {
		return c
	}
	rest := *c
	rest.rounds = slices.Delete(slices.Clone(c.rounds), round, round+1)
	return &rest
}

// figure is one of figures; also a p99 of rounds of which one is left out.
func (c *contender) figure(metric string) (float64, bool) {
	if metric == "p99_ms" {
		return percentile(c.samples(), 0.99), true
	}
	v, ok := c.figures()[metric]
	return v, ok
}

// student95 is the 97.5th percentile of Student's t (Abramowitz and Stegun,
// 26.7.5), good to 0.01 from 4 degrees of freedom on.
func student95(degrees int) float64 {
	const z = 1.959963984540054
	n := float64(degrees)
	const z3 = z * z * z
	const z5, z7 = z3 * z * z, z3 * z3 * z
	return z + (z3+z)/(4*n) + (5*z5+16*z3+3*z)/(96*n*n) + (3*z7+19*z5+17*z3-15*z)/(384*n*n*n)
}

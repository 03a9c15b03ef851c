package analysis

import (
	"fmt"
	"math"

	"github.com/slipway-ml/slipway/models"
)

// Judge looks at a tally and tells what it saw, with the verdict of Decide.
func Judge(t Tally, delta, alpha float64) models.Analysis {
	counts := t.counts()
	a := models.Analysis{
		Metric: models.MetricErrorRate, Rule: models.RuleSequence, Verdict: Decide(t, delta, alpha), Delta: delta, Alpha: alpha,
		New: t.New, Stable: t.Stable, Blocks: t.Blocks(), Estimate: t.Mean(),
		Lower: lowerBound(&counts, math.Log(1/alpha)), Upper: upperBound(&counts, math.Log(1/alpha)),
	}
	a.Reason = sentence(a)
	return a
}

// Decide tells whether the new release's error rate is more than delta above
// the stable one's. Each verdict is wrong with probability at most alpha, over
// all looks at the tally together.
func Decide(t Tally, delta, alpha float64) models.AnalysisVerdict {
	counts := t.counts()
	switch threshold := math.Log(1 / alpha); {
	case logCapitalAbove(&counts, delta) >= threshold:
		return models.AnalysisWorse
	case logCapitalBelow(&counts, delta) >= threshold:
		return models.AnalysisNoWorse
	}
	return models.AnalysisNotYet
}

// Burst judges what needs no statistics: an instance of the new release that
// keeps dying, or an unbroken row of failures. ok is false where there is none.
func Burst(t Tally, deaths int, spec models.BurstSpec) (reason string, ok bool) {
	switch {
	case spec.Deaths > 0 && deaths >= spec.Deaths:
		return fmt.Sprintf("an instance of the new release died %d times", deaths), true
	case spec.Failures > 0 && t.Streak >= spec.Failures:
		return fmt.Sprintf("the new release failed %d requests in a row", t.Streak), true
	}
	return "", false
}

func (t *Tally) counts() (c [values]float64) {
	for i, n := range t.Differences {
		c[i] = float64(n)
	}
	return c
}

func sentence(a models.Analysis) string {
	seen := fmt.Sprintf("%d of %d requests failed, on the stable release %d of %d; difference %s in [%s, %s], borne with up to %s",
		a.New.Failures, a.New.Requests, a.Stable.Failures, a.Stable.Requests,
		percent(a.Estimate), percent(a.Lower), percent(a.Upper), percent(a.Delta))
	switch a.Verdict {
	case models.AnalysisWorse:
		return "the error rate is worse: " + seen
	case models.AnalysisNoWorse:
		return "the error rate is no worse: " + seen
	default:
		return "the error rate is not decided yet: " + seen
	}
}

func percent(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }

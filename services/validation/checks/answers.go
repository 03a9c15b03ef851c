package checks

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/accuracy"
	"github.com/slipway-ml/slipway/services/bootstrap"
	"github.com/slipway-ml/slipway/services/validation"
)

// answers are what a version says of the samples of a data set.
type answers[P accuracy.Predictions[P]] struct {
	given P
	at    []int    // which sample each is of
	parts [][]bool // by slice: whether it is in it
}

// kept notes that sample n has an answer, and in which slices it is.
func (a *answers[P]) kept(n int, list []slice, belongs func(sliceWhere) bool) {
	if a.parts == nil {
		a.parts = make([][]bool, len(list))
	}
	a.at = append(a.at, n)
	for i, s := range list {
		a.parts[i] = append(a.parts[i], belongs(s.Where))
	}
}

// part gives the answers of a slice.
func (a *answers[P]) part(i int) P {
	weights := make([]int32, len(a.at))
	for k := range weights {
		if a.parts[i][k] {
			weights[k] = 1
		}
	}
	return a.given.Drawn(weights)
}

// compareWithOther has the version that the step compares with measured, and
// holds this one's figures against it.
func compareWithOther[P accuracy.Predictions[P]](
	ctx context.Context, s *validation.Subject, c comparison, list []slice, own answers[P],
	measure func(*validation.Subject) (answers[P], error), report *models.Report,
) error {
	champion, err := opposing(ctx, s, report)
	if err != nil || champion == nil {
		return err
	}
	its, err := measure(champion)
	if err != nil {
		return unmeasured(s, champion, err, report)
	}
	report.Facts["champion"] = champion.Version.Ref()
	return compareAnswers(c, own, its, list, report)
}

// compareAnswers holds a version's figures against another's, on the samples
// that both gave an answer to.
func compareAnswers[P accuracy.Predictions[P]](c comparison, own, its answers[P], list []slice, report *models.Report) error {
	for _, f := range its.given.Figures() {
		beside(report, f.Name, f.Value)
	}
	common := func(a, b answers[P]) []int32 {
		weights := make([]int32, len(a.at))
		for i, n := range a.at {
			if _, ok := slices.BinarySearch(b.at, n); ok {
				weights[i] = 1
			}
		}
		return weights
	}
	mine, theirs := common(own, its), common(its, own)
	fresh, old := own.given.Drawn(mine), its.given.Drawn(theirs)
	c.bootstrap.Resamples = max(fewestResamples, min(resamples, resamples*manySamples/max(1, fresh.Len())))
	return c.each(report, func(figures []string, part string, b bootstrap.Bootstrap) ([]bootstrap.Difference, string, error) {
		at := slices.IndexFunc(list, func(s slice) bool { return s.Name == part })
		if at < 0 && part != "" {
			return nil, "", models.Errorf(models.KindInvalid, "compare: there is no slice %q in this step", part)
		}
		var pool []int
		n := 0 // its place among the common ones
		for i, weight := range mine {
			if weight == 0 {
				continue
			}
			if at < 0 || own.parts[at][i] {
				pool = append(pool, n)
			}
			n++
		}
		if len(pool) == 0 {
			return nil, "", models.Errorf(models.KindInvalid, "compare: no sample has an answer of both versions")
		}
		return accuracy.Compare(b, fresh, old, figures, pool), fmt.Sprintf("%d samples", len(pool)), nil
	})
}

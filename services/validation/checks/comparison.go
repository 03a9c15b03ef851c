package checks

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/bootstrap"
	"github.com/slipway-ml/slipway/services/pipeline"
)

// How compare decides: by a bound of the interval of the difference, or by the
// difference itself.
const (
	byBound    = "bound"
	byEstimate = "estimate"
)

// The intervals of differences.
const (
	resamples       = 2000
	manySamples     = 20_000 // beyond so many, tables are drawn fewer times
	fewestResamples = 200
	boundLevel      = 0.95 // of each bound
)

// comparison decides compare: of a step by the intervals of the differences.
type comparison struct {
	spec      models.CompareSpec
	by        string // byBound or byEstimate
	bootstrap bootstrap.Bootstrap
	lower     []string // figures of which less is better
}

func newComparison(step models.StepSpec, by string, set models.DatasetVersion, check pipeline.Check) (comparison, error) {
	digest, err := hex.DecodeString(set.Digest)
	if err != nil || len(digest) < 8 {
		return comparison{}, fmt.Errorf("the data set's digest %q is none", set.Digest)
	}
	c := comparison{
		spec: *step.Compare, by: by,
		bootstrap: bootstrap.Bootstrap{Resamples: resamples, Seed: binary.BigEndian.Uint64(digest), Level: boundLevel},
	}
	for _, m := range check.Measures {
		if m.Lower {
			c.lower = append(c.lower, m.Name)
		}
	}
	return c, nil
}

// each compares the metrics, over all samples ("") or a slice of them. measure
// also tells on how many of what.
func (c comparison) each(report *models.Report, measure func(figures []string, part string, b bootstrap.Bootstrap) ([]bootstrap.Difference, string, error)) error {
	parts := map[string][]string{} // figures by slice
	var order []string
	for _, metric := range c.spec.Metrics {
		figure, part, _ := strings.Cut(strings.TrimSuffix(metric, "}"), "{")
		if parts[part] == nil {
			order = append(order, part)
		}
		parts[part] = append(parts[part], figure)
	}
	for _, part := range order {
		differences, samples, err := measure(parts[part], part, c.bootstrap)
		if err != nil {
			return err
		}
		for _, figure := range parts[part] {
			i := slices.IndexFunc(differences, func(d bootstrap.Difference) bool { return d.Figure == figure })
			if i < 0 {
				return models.Errorf(models.KindInvalid, "compare: nothing measured %s, which metrics names", figure)
			}
			if part != "" {
				differences[i].Figure += "{" + part + "}"
			}
			c.weigh(differences[i], slices.Contains(c.lower, figure), samples, report)
		}
	}
	return nil
}

// weigh tells no worse from worse from what the samples cannot tell.
func (c comparison) weigh(d bootstrap.Difference, lower bool, samples string, report *models.Report) {
	interval := fmt.Sprintf("%+.4f, from %+.4f to %+.4f", d.Estimate(), d.Low, d.High)
	said := fmt.Sprintf("%s is %.4f, and %s's is %.4f (a difference of %s, each bound at %.0f %%)", d.Figure, d.New, c.spec.Against, d.Old, interval, 100*boundLevel)
	gain, low, high := d.Estimate(), d.Low, d.High
	if lower {
		gain, low, high = -gain, -high, -low
	}
	if c.by == byEstimate {
		low, high = gain, gain
	}
	verdict := "no worse"
	switch {
	case low >= -c.spec.NoWorseThan:
		report.Findings = append(report.Findings, info(d.Figure, "%s: no worse by more than %g", said, c.spec.NoWorseThan))
	case high < -c.spec.NoWorseThan:
		verdict = "worse"
		report.Findings = append(report.Findings, problem(d.Figure, "%s: worse by more than %g", said, c.spec.NoWorseThan))
	default:
		verdict = "inconclusive"
		f := problem(d.Figure, "%s: %s cannot tell whether it is worse by more than %g", said, samples, c.spec.NoWorseThan)
		f.Remedy = "measure on more samples, allow more (no_worse_than), or let the difference itself decide (compare_by: estimate)"
		report.Findings = append(report.Findings, f)
	}
	report.Facts["compare "+d.Figure] = verdict + ": " + interval
}

package validation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Repeat compares a validation with the one that it repeats; nil where it
// repeats none.
func (s *Service) Repeat(ctx context.Context, v models.Validation) (*models.Repeat, error) {
	if v.RepeatOf == 0 {
		return nil, nil //nolint:nilnil // most repeat none
	}
	r := &repeated{models.Repeat{Of: v.RepeatOf}}
	var first models.Validation
	err := s.DB.View(ctx, func(tx storage.Tx) (err error) {
		first, err = tx.Validations().Get(v.RepeatOf)
		return err
	})
	if models.IsKind(err, models.KindNotFound) {
		r.Differences = []string{fmt.Sprintf("validation %d is gone, so there is nothing to compare with", v.RepeatOf)}
		return &r.Repeat, nil
	}
	if err != nil {
		return nil, err
	}
	r.differ("the machine", first.Machine, v.Machine)
	for i := range min(len(v.Steps), len(first.Steps)) {
		if v.Steps[i].Verdict != "" {
			r.step(first.Steps[i], v.Steps[i])
		}
	}
	return &r.Repeat, nil
}

// repeated is a comparison in the making.
type repeated struct{ models.Repeat }

func (r *repeated) step(was, is models.StepResult) {
	r.differ(is.Name, was.Inputs, is.Inputs)
	if was.Verdict != is.Verdict {
		r.say("%s: was %s, is %s", is.Name, was.Verdict, is.Verdict)
	}
	for _, m := range is.Measurements {
		if varies(m.Name) {
			continue
		}
		r.Compared++
		if at := find(was.Measurements, m.Name); at < 0 {
			r.say("%s: %s was not measured, is %s", is.Name, m.Name, number(m.Value))
		} else if old := was.Measurements[at].Value; old != m.Value {
			r.say("%s: %s was %v, is %v", is.Name, m.Name, old, m.Value)
		}
	}
	for _, m := range was.Measurements {
		if !varies(m.Name) && find(is.Measurements, m.Name) < 0 {
			r.say("%s: %s was %s, is not measured", is.Name, m.Name, number(m.Value))
		}
	}
}

func (r *repeated) differ(what string, was, is map[string]string) {
	all := maps.Clone(was)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, is)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if was[name] != is[name] {
			r.say("%s: %s was %s, is %s", what, strings.ReplaceAll(name, "_", " "), orNone(was[name]), orNone(is[name]))
		}
	}
}

func (r *repeated) say(format string, args ...any) {
	r.Differences = append(r.Differences, fmt.Sprintf(format, args...))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// varies tells of figures that differ from run to run on the same inputs:
// times, what a machine does in a time, and what it needs of itself.
func varies(metric string) bool {
	metric, _, _ = strings.Cut(metric, "[")
	return slices.ContainsFunc([]string{"_ms", "_s", "_mb", "_per_s", "_per_second", "_cores", "throughput"}, func(unit string) bool {
		return strings.HasSuffix(metric, unit)
	})
}

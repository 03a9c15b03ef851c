package validation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/expression"
)

// field is a text of a step that may hold expressions.
type field struct {
	name string
	text *string
}

// fieldsOf gives those of a step but its if. Its git becomes a copy, and those
// of env are copies: a pipeline that others read stays as it is.
func fieldsOf(spec *models.StepSpec) []field {
	fields := []field{{"run", &spec.Run}, {"image", &spec.Image}, {"python", &spec.Python}, {"requirements", &spec.Requirements}}
	if spec.Git != nil {
		git := *spec.Git
		spec.Git = &git
		fields = append(fields, field{"git.url", &git.URL}, field{"git.ref", &git.Ref}, field{"git.path", &git.Path},
			field{"git.token", &git.Token}, field{"git.ssh_key", &git.SSHKey}, field{"git.known_hosts", &git.KnownHosts})
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Env)) {
		text := spec.Env[name]
		fields = append(fields, field{"env." + name, &text})
	}
	return fields
}

// evaluated gives a step with the values of its expressions. The pipeline keeps
// the expressions; the values live as long as the step.
func evaluated(spec models.StepSpec, values expression.Values) (models.StepSpec, error) {
	env := map[string]string{}
	for _, f := range fieldsOf(&spec) {
		template, err := expression.Parse(*f.text)
		if err == nil {
			*f.text, err = template.Text(values)
		}
		if err != nil {
			return spec, models.Errorf(models.KindInvalid, "%s: %v", f.name, err).Because(err)
		}
		if name, ok := strings.CutPrefix(f.name, "env."); ok {
			env[name] = *f.text
		}
	}
	if spec.Env != nil {
		spec.Env = env
	}
	return spec, nil
}

// idle is why a step is not run.
type idle struct {
	verdict models.Verdict
	why     string
	excused bool // it counts for nothing
}

// idle tells whether a step is to be run: not what a guard kept from it, nor
// where its if is false or what it needs did not pass; nil where it is.
func (s *Service) idle(ctx context.Context, v models.Validation, p plan, index int) (*idle, error) {
	if why := s.barred(v.Steps, index); why != "" {
		return &idle{verdict: models.VerdictSkipped, why: why}, nil
	}
	spec := p.graph.steps[index]
	var condition expression.Template
	if spec.If != "" {
		var err error
		if condition, err = expression.Condition(spec.If); err != nil {
			return broken(err), nil
		}
	}
	if missed := p.graph.missed(v.Steps, index); missed != nil && !condition.Asks() {
		return missed, nil
	}
	if spec.If == "" {
		return nil, nil //nolint:nilnil // nothing is in its way
	}
	given, err := s.given(ctx, v, p, index)
	if err != nil {
		if passing(err) {
			return nil, err
		}
		return broken(err), nil
	}
	switch holds, err := condition.Holds(given.values); {
	case err != nil:
		return broken(err), nil
	case !holds:
		return &idle{models.VerdictSkipped, "its if is false", true}, nil
	}
	return nil, nil //nolint:nilnil // nothing is in its way
}

func broken(err error) *idle {
	return &idle{verdict: models.VerdictErrored, why: "its if could not be answered: " + words(err)}
}

// missed tells of needs that did not go well; nil where all did.
func (g graph) missed(results []models.StepResult, index int) *idle {
	out := &idle{verdict: models.VerdictSkipped, excused: true}
	for _, on := range g.needed(index) {
		r := results[on]
		if outcomeOf(r, true) == wentWell {
			continue
		}
		out.excused = out.excused && r.Excused
		if out.why == "" {
			out.why = fmt.Sprintf("not run, since it needs %s, which did not pass", r.Name)
			if r.Verdict == models.VerdictSkipped {
				out.why = fmt.Sprintf("not run, since it needs %s, which was not run", r.Name)
			}
		}
	}
	if out.why == "" {
		return nil
	}
	return out
}

package pipeline

import (
	"cmp"
	"maps"
	"time"

	"github.com/slipway-ml/slipway/models"
)

// The defaults of what a document leaves out.
const (
	defaultStepTimeout    = 30 * time.Minute
	defaultRequestTimeout = 30 * time.Second
	defaultRollbackWindow = 30 * time.Minute
	defaultMaxWait        = 2 * time.Hour
	defaultDelta          = 0.01
	defaultAlpha          = 0.05
	defaultDeaths         = 3
	defaultFailures       = 20
)

// pipeline fills in the defaults of a document that has no problems.
func (g *Grammar) pipeline(t *tree, doc document) (models.Pipeline, error) {
	p := models.Pipeline{
		Model:        doc.Model,
		On:           models.Trigger(cmp.Or(doc.On, string(models.TriggerRegistered))),
		Build:        models.BuildSpec{Runtime: "auto", Base: "host"},
		Environments: map[string]models.EnvironmentSpec{},
	}
	if doc.Build != nil {
		p.Build = models.BuildSpec{Runtime: cmp.Or(doc.Build.Runtime, "auto"), Base: cmp.Or(doc.Build.Base, "host")}
	}
	if doc.Validation != nil {
		legs := map[string][]string{}
		for i, name := range stepNames(doc.Validation.Steps) {
			step := doc.Validation.Steps[i]
			spec := step.spec(name, g.checks[step.Check])
			var err error
			if spec.Settings, err = g.checks[step.Check].spec(stepAt(t, i)); err != nil {
				return p, err
			}
			for _, leg := range step.Matrix.legs(spec) {
				legs[name] = append(legs[name], leg.Name)
				p.Validation.Steps = append(p.Validation.Steps, leg)
			}
		}
		for i, step := range p.Validation.Steps {
			p.Validation.Steps[i].Needs = eachLeg(step.Needs, legs)
		}
	}
	base := doc.Serving.over(models.ServingSpec{Replicas: 1, Timeout: defaultRequestTimeout})
	for name, env := range doc.Environments {
		p.Environments[name] = env.spec(base)
	}
	return p, nil
}

// stepAt gives a step's mapping as it is written.
func stepAt(t *tree, index int) any {
	doc, _ := t.value.(map[string]any)
	validation, _ := doc["validation"].(map[string]any)
	steps, _ := validation["steps"].([]any)
	return steps[index] // it has been decoded
}

func (s stepDoc) spec(name string, check Check) models.StepSpec {
	spec := models.StepSpec{
		Name: name, Check: s.Check, Run: s.Run, Timeout: s.Timeout.or(defaultStepTimeout),
		Thresholds: s.Thresholds, Env: texted(s.Env),
		Needs: s.Needs, If: string(s.If), ContinueOnError: s.ContinueOnError, Retry: s.Retry,
		Image: s.Image, Python: s.Python, Requirements: s.Requirements,
	}
	if s.Run != "" {
		spec.On, spec.Network = cmp.Or(s.On, models.StepsProcess), cmp.Or(s.Network, models.NetworkStep)
	}
	if s.Git != nil {
		git := models.GitSpec(*s.Git)
		spec.Git = &git
	}
	if s.Dataset != "" {
		ref, _ := models.ParseDatasetRef(string(s.Dataset)) // its form has been checked
		spec.Dataset = &ref
	}
	if s.Compare != nil {
		spec.Compare = &models.CompareSpec{
			Against: string(s.Compare.Against), NoWorseThan: *s.Compare.NoWorseThan, Metrics: s.Compare.Metrics,
		}
		if spec.Compare.Metrics == nil {
			spec.Compare.Metrics = check.Compare
		}
	}
	return spec
}

// over gives base with what this document says instead.
func (s *servingDoc) over(base models.ServingSpec) models.ServingSpec {
	if s == nil {
		return base
	}
	base.Replicas = or(s.Replicas, base.Replicas)
	base.Threads = or(s.Threads, base.Threads)
	base.Timeout = s.Timeout.or(base.Timeout)
	if s.Resources != nil {
		base.CPU = or(s.Resources.CPU, base.CPU)
		if n, ok := s.Resources.Memory.bytes(); ok && n > 0 {
			base.MemoryBytes = n
		}
	}
	if len(s.Env) > 0 {
		base.Env = maps.Clone(base.Env)
		if base.Env == nil {
			base.Env = map[string]string{}
		}
		maps.Copy(base.Env, texted(s.Env))
	}
	return base
}

func (e environmentOf) spec(base models.ServingSpec) models.EnvironmentSpec {
	return models.EnvironmentSpec{
		Target:         e.Target,
		Promote:        cmp.Or(e.Promote, models.PromoteManual),
		Gates:          gates(e),
		Rollout:        e.Rollout.spec(),
		OnAlias:        cmp.Or(e.OnAlias, models.AliasPromote),
		RollbackWindow: e.RollbackWindow.or(defaultRollbackWindow),
		Serving:        e.Serving.over(base),
	}
}

func (r *rolloutDoc) spec() models.RolloutSpec {
	if r == nil {
		r = &rolloutDoc{}
	}
	spec := models.RolloutSpec{
		Strategy:  models.StrategyCanary,
		Burst:     models.BurstSpec{Deaths: defaultDeaths, Failures: defaultFailures},
		NoData:    cmp.Or(r.NoData, models.NoDataHold),
		MaxWait:   r.MaxWait.or(defaultMaxWait),
		OnFailure: models.OnFailureRollback,
	}
	for _, step := range r.Steps {
		spec.Steps = append(spec.Steps, models.RolloutStep{Weight: *step.Weight, Hold: step.Hold.or(0)})
	}
	if spec.Steps == nil {
		spec.Steps = []models.RolloutStep{{Weight: 100}}
	}
	for _, a := range r.Analysis {
		spec.Analysis = append(spec.Analysis, models.AnalysisSpec{
			Metric: a.Metric, Delta: a.NoWorseThan.delta, Alpha: or(a.Alpha, defaultAlpha),
		})
	}
	if r.Analysis == nil {
		spec.Analysis = []models.AnalysisSpec{{Metric: models.MetricErrorRate, Delta: defaultDelta, Alpha: defaultAlpha}}
	}
	if r.Burst != nil {
		spec.Burst = models.BurstSpec{Deaths: or(r.Burst.Deaths, defaultDeaths), Failures: or(r.Burst.Failures, defaultFailures)}
	}
	return spec
}

func or[T any](p *T, fallback T) T {
	if p == nil {
		return fallback
	}
	return *p
}

func texted(env map[string]value) map[string]string {
	if len(env) == 0 {
		return nil
	}
	out := make(map[string]string, len(env))
	for name, v := range env {
		out[name] = string(v)
	}
	return out
}

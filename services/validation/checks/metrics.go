package checks

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Metrics takes what the data scientist logged with the version's run.
type Metrics struct{}

// metricsSettings are the fields of a step.
type metricsSettings struct {
	Lower []string `json:"lower,omitempty" jsonschema:"minItems=1" jsonschema_description:"Metrics of metrics of which less is better, such as val_loss; compare goes by it."`
}

// Declare implements validation.Check.
func (Metrics) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "metrics", About: "what was logged with the version's run.", Settings: metricsSettings{}, Compare: []string{},
		Measures: []pipeline.Measure{{Name: pipeline.Anything, About: "the latest value of each metric that a threshold or a comparison names; of all where none does"}},
	}
}

// maxLogged bounds the metrics that are taken where none is named, and told
// where one is missing.
const maxLogged = 200

// Run implements validation.Check.
func (Metrics) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	report := models.Report{Compared: true}
	var settings metricsSettings
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	logged, err := logged(ctx, s)
	if err != nil {
		return report, err
	}
	report.Facts = map[string]string{"run": s.Version.RunID}
	named := namedMetrics(s.Step)
	for _, name := range named {
		value, ok := logged[name]
		if !ok {
			return report, models.Errorf(models.KindInvalid, "the run %s logged no metric %q; it logged %s", s.Version.RunID, name, someOf(keys(logged)))
		}
		if math.IsNaN(value) {
			report.Findings = append(report.Findings, problem(name, "%s is NaN", name))
		}
	}
	if len(named) == 0 {
		named = keys(logged)
		if len(named) > maxLogged {
			report.Findings = append(report.Findings, info("run", "the run logged %d metrics, of which %d are taken: name those that matter in thresholds", len(named), maxLogged))
			named = named[:maxLogged]
		}
	}
	for _, name := range named {
		if !math.IsNaN(logged[name]) {
			report.Measurements = append(report.Measurements, models.Measurement{Name: name, Value: logged[name]})
		}
	}
	if s.Step.Compare == nil {
		return report, nil
	}
	return report, compareLogged(ctx, s, settings, &report)
}

// logged gives the latest value of each metric of a version's run.
func logged(ctx context.Context, s *validation.Subject) (map[string]float64, error) {
	run, err := s.Run(ctx)
	if models.IsKind(err, models.KindNotFound) {
		return nil, models.Errorf(models.KindInvalid, "there are no metrics to look at: %s", err)
	}
	if err != nil {
		return nil, err
	}
	values := make(map[string]float64, len(run.Metrics))
	for _, m := range run.Metrics {
		if !strings.HasPrefix(m.Key, "slipway.") { // what earlier validations measured
			values[m.Key] = m.Value
		}
	}
	return values, nil
}

// namedMetrics gives the metrics that a step names, each once.
func namedMetrics(step models.StepSpec) []string {
	var named []string
	for _, t := range step.Thresholds {
		named = append(named, t.Metric)
	}
	if step.Compare != nil {
		named = append(named, step.Compare.Metrics...)
	}
	slices.Sort(named)
	return slices.Compact(named)
}

func someOf(names []string) string {
	switch n := len(names); {
	case n == 0:
		return "none"
	case n > maxLogged:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxLogged], ", "), n-maxLogged)
	}
	return strings.Join(names, ", ")
}

// compareLogged holds the metrics against those of what an environment runs.
func compareLogged(ctx context.Context, s *validation.Subject, settings metricsSettings, report *models.Report) error {
	spec := *s.Step.Compare
	champion, err := s.Champion(ctx, spec.Against)
	switch {
	case err != nil:
		return err
	case champion == nil:
		report.Findings = append(report.Findings, info(spec.Against, "%s runs no version yet: nothing to compare with, which does not block", spec.Against))
		return nil
	case champion.Version.ID == s.Version.ID:
		report.Findings = append(report.Findings, info(spec.Against, "%s runs this very version", spec.Against))
		return nil
	}
	theirs, err := logged(ctx, champion)
	if models.IsKind(err, models.KindInvalid) {
		report.Findings = append(report.Findings, warning(spec.Against, "%s, which %s runs, cannot be compared with: %s", champion.Version.Ref(), spec.Against, err))
		return nil
	}
	if err != nil {
		return err
	}
	report.Facts["champion"] = fmt.Sprintf("%s, run %s", champion.Version.Ref(), champion.Version.RunID)
	for i, m := range report.Measurements {
		value, ok := theirs[m.Name]
		compared := len(spec.Metrics) == 0 || slices.Contains(spec.Metrics, m.Name)
		if !compared {
			continue
		}
		if !ok || math.IsNaN(value) {
			report.Findings = append(report.Findings, warning(m.Name, "%s, which %s runs, was logged without %s: nothing to compare it with", champion.Version.Ref(), spec.Against, m.Name))
			continue
		}
		report.Measurements[i].Champion = &value
		worse := value - m.Value
		if slices.Contains(settings.Lower, m.Name) {
			worse = -worse
		}
		if worse > spec.NoWorseThan {
			report.Findings = append(report.Findings, problem(m.Name, "%s is %.6g, and %s's is %.6g: worse by %.6g, more than %g", m.Name, m.Value, spec.Against, value, worse, spec.NoWorseThan))
		}
	}
	return nil
}

package validation

import (
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/mask"
)

// hide replaces secrets in all that a report says. It comes before the report
// is cut to a size: half a secret would be found no more.
func hide(m *mask.Mask, report models.Report) models.Report {
	if m == nil {
		return report
	}
	report.Measurements, report.Findings = slices.Clone(report.Measurements), slices.Clone(report.Findings)
	for i := range report.Measurements {
		report.Measurements[i].Name = m.Text(report.Measurements[i].Name)
	}
	for i, f := range report.Findings {
		f.Where, f.Message, f.Remedy, f.Rule = m.Text(f.Where), m.Text(f.Message), m.Text(f.Remedy), m.Text(f.Rule)
		report.Findings[i] = f
	}
	report.Facts = hideAll(m, report.Facts)
	return report
}

func hideAll(m *mask.Mask, facts map[string]string) map[string]string {
	if m == nil || facts == nil {
		return facts
	}
	hidden := make(map[string]string, len(facts))
	for name, text := range facts {
		hidden[m.Text(name)] = m.Text(text)
	}
	return hidden
}

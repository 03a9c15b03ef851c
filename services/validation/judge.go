package validation

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// The bounds of a report: what is beyond them is counted, not kept.
const (
	maxFindings     = 500
	maxMeasurements = 5000
	maxText         = 4000
)

// judge holds a report against the step's thresholds and its comparison, and
// gives its verdict and the reason of it. It is the only place that does.
func judge(step models.StepSpec, report models.Report) (models.Report, string) {
	report.Measurements = finite(&report)
	whole := !failed(report) // a look that failed need not have measured all
	for _, threshold := range step.Thresholds {
		i := find(report.Measurements, threshold.Metric)
		if i < 0 {
			if whole {
				return errored(report, fmt.Sprintf("nothing measured %s, on which there is a threshold; measured: %s", threshold.Metric, names(report.Measurements)))
			}
			continue
		}
		m := &report.Measurements[i]
		m.Threshold = threshold.String()
		if m.Broken = !threshold.Holds(m.Value); m.Broken {
			report.Findings = append(report.Findings, models.Finding{
				Severity: models.SeverityError, Where: m.Name, Rule: "threshold", Judged: true,
				Message: fmt.Sprintf("%s is %s, asked for %s", m.Name, number(m.Value), threshold),
			})
		}
	}
	if step.Compare != nil && !report.Compared {
		report.Findings = append(report.Findings, compare(*step.Compare, report.Measurements)...)
	}
	report = bounded(report)
	if !failed(report) {
		report.Verdict = models.VerdictPassed
		return report, ""
	}
	report.Verdict = models.VerdictFailed
	return report, reason(report.Findings)
}

// compare holds measurements against the champion's, where there is one.
func compare(spec models.CompareSpec, measured []models.Measurement) []models.Finding {
	var findings []models.Finding
	for _, metric := range spec.Metrics {
		i := find(measured, metric)
		if i < 0 || measured[i].Champion == nil {
			continue
		}
		value, champion := measured[i].Value, *measured[i].Champion
		if value < champion-spec.NoWorseThan {
			findings = append(findings, models.Finding{
				Severity: models.SeverityError, Where: metric, Rule: "compare", Judged: true,
				Message: fmt.Sprintf("%s is %s, and %s's is %s: worse by more than %s",
					metric, number(value), spec.Against, number(champion), number(spec.NoWorseThan)),
			})
		}
	}
	return findings
}

// errored is the report of a step that could not look.
func errored(report models.Report, why string) (models.Report, string) {
	report = bounded(report)
	report.Verdict, report.Key = models.VerdictErrored, ""
	return report, clean(why)
}

func failed(report models.Report) bool {
	return slices.ContainsFunc(report.Findings, func(f models.Finding) bool { return f.Severity == models.SeverityError })
}

// reason puts the errors in a sentence.
func reason(findings []models.Finding) string {
	var parts []string
	rest := 0
	for _, f := range findings {
		switch {
		case f.Severity != models.SeverityError:
		case len(parts) == 3:
			rest++
		default:
			line, _, _ := strings.Cut(f.Message, "\n")
			parts = append(parts, line)
		}
	}
	text := strings.Join(parts, "; ")
	if rest > 0 {
		text += fmt.Sprintf(" (and %d more)", rest)
	}
	return clean(text)
}

// finite leaves out what JSON cannot hold, and says so.
func finite(report *models.Report) []models.Measurement {
	return slices.DeleteFunc(report.Measurements, func(m models.Measurement) bool {
		odd := math.IsNaN(m.Value) || math.IsInf(m.Value, 0)
		if odd {
			report.Findings = append(report.Findings, models.Finding{
				Severity: models.SeverityWarning, Where: m.Name, Message: fmt.Sprintf("%s is %v, which is left out", m.Name, m.Value),
			})
		}
		return odd
	})
}

// bounded keeps a report of a size that a person can read, errors first, and
// free of what a database cannot hold.
func bounded(report models.Report) models.Report {
	slices.SortStableFunc(report.Findings, func(a, b models.Finding) int { return rank(a) - rank(b) })
	if n := len(report.Findings); n > maxFindings {
		report.Findings = append(report.Findings[:maxFindings:maxFindings], models.Finding{
			Severity: models.SeverityInfo, Message: fmt.Sprintf("%d more findings; the log has them all", n-maxFindings),
		})
	}
	if len(report.Measurements) > maxMeasurements {
		report.Measurements = report.Measurements[:maxMeasurements]
	}
	for i, m := range report.Measurements {
		report.Measurements[i].Name = clean(m.Name)
	}
	for i, f := range report.Findings {
		report.Findings[i] = models.Finding{
			Severity: f.Severity, Where: clean(f.Where), Message: clean(f.Message), Remedy: clean(f.Remedy), Rule: f.Rule, Judged: f.Judged,
		}
	}
	for name, value := range report.Facts {
		report.Facts[name] = clean(value)
	}
	return report
}

func rank(f models.Finding) int {
	return slices.Index([]models.Severity{models.SeverityError, models.SeverityWarning, models.SeverityInfo}, f.Severity)
}

// clean makes foreign text fit to be kept.
func clean(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", "\uFFFD"), "\uFFFD")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + " …"
	}
	return text
}

func find(measured []models.Measurement, name string) int {
	return slices.IndexFunc(measured, func(m models.Measurement) bool { return m.Name == name })
}

func names(measured []models.Measurement) string {
	list := make([]string, len(measured))
	for i, m := range measured {
		list[i] = m.Name
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// number writes a figure as a person reads it.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	if math.Abs(v) < 1e-3 || math.Abs(v) >= 1e6 {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', 4, 64), "0"), ".")
}

package validation

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	at := func(metric, text string) models.Threshold {
		threshold, err := models.ParseThreshold(metric, text)
		require.NoError(t, err)
		return threshold
	}
	champion := 0.9
	found := func(severity models.Severity) []models.Finding {
		return []models.Finding{{Severity: severity, Message: "something"}}
	}
	measured := func(value float64) []models.Measurement {
		return []models.Measurement{{Name: "map50", Value: value, Champion: &champion}}
	}
	compare := &models.CompareSpec{Against: "production", NoWorseThan: 0.02, Metrics: []string{"map50", "map50_95"}}
	tests := map[string]struct {
		step   models.StepSpec
		report models.Report
		want   models.Verdict
		why    string
	}{
		"nothing asked and nothing found": {models.StepSpec{}, models.Report{}, models.VerdictPassed, ""},
		"a warning does not fail":         {models.StepSpec{}, models.Report{Findings: found(models.SeverityWarning)}, models.VerdictPassed, ""},
		"an error fails":                  {models.StepSpec{}, models.Report{Findings: found(models.SeverityError)}, models.VerdictFailed, "something"},
		"a promise that is kept": {
			models.StepSpec{Thresholds: []models.Threshold{at("map50", ">= 0.8")}}, models.Report{Measurements: measured(0.8)}, models.VerdictPassed, "",
		},
		"a promise that is broken tells both figures": {
			models.StepSpec{Thresholds: []models.Threshold{at("map50", ">= 0.80")}},
			models.Report{Measurements: measured(0.4174)},
			models.VerdictFailed, "map50 is 0.4174, asked for >= 0.8",
		},
		"a promise on what nothing measured cannot be judged": {
			models.StepSpec{Thresholds: []models.Threshold{at("map75", "> 0")}},
			models.Report{Measurements: measured(0.9)},
			models.VerdictErrored, "nothing measured map75",
		},
		"nor where another one is broken before it": {
			models.StepSpec{Thresholds: []models.Threshold{at("map50", ">= 0.95"), at("map75", "> 0")}},
			models.Report{Measurements: measured(0.9)},
			models.VerdictErrored, "nothing measured map75",
		},
		"but where the look itself failed it is no matter": {
			models.StepSpec{Thresholds: []models.Threshold{at("map75", "> 0")}},
			models.Report{Findings: found(models.SeverityError)},
			models.VerdictFailed, "something",
		},
		"a promise on NaN cannot be judged": {
			models.StepSpec{Thresholds: []models.Threshold{at("map50", ">= 0")}},
			models.Report{Measurements: measured(math.NaN())},
			models.VerdictErrored, "nothing measured map50",
		},
		"a little worse than production is let pass": {
			models.StepSpec{Compare: compare}, models.Report{Measurements: measured(0.881)}, models.VerdictPassed, "",
		},
		"worse than production by more than allowed": {
			models.StepSpec{Compare: compare},
			models.Report{Measurements: measured(0.87)},
			models.VerdictFailed,
			"map50 is 0.87, and production's is 0.9: worse by more than 0.02",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report, why := judge(tt.step, tt.report)
			require.Equal(t, tt.want, report.Verdict)
			require.Contains(t, why, tt.why)
			require.Equal(t, tt.why == "", why == "")
		})
	}
}

func TestAReportIsBoundedAndClean(t *testing.T) {
	t.Parallel()
	var report models.Report
	for i := range 2 * maxFindings {
		report.Findings = append(report.Findings, models.Finding{Severity: models.SeverityInfo, Message: fmt.Sprint(i)})
	}
	report.Findings = append(report.Findings, models.Finding{Severity: models.SeverityError, Message: "a\x00b\xff" + strings.Repeat("x", 2*maxText)})
	report, why := judge(models.StepSpec{}, report)
	require.Len(t, report.Findings, maxFindings+1)
	require.Equal(t, models.SeverityError, report.Findings[0].Severity, "errors stand first")
	require.NotContains(t, report.Findings[0].Message+why, "\x00")
	require.Less(t, len(report.Findings[0].Message), maxText+10)
}

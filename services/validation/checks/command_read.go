package checks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
)

// collect reads what a command left: report.xml and measurements.json, in its
// folder for output or where it ran.
func (p *place) collect(report *models.Report) (count tally, err error) {
	text, err := p.leftFile(junitName)
	if err != nil {
		return count, err
	}
	if text != nil {
		// Before it is cut: half a secret would be found no more.
		if count, err = readJUnit([]byte(p.mask.Text(string(text))), report); err != nil {
			return count, models.Errorf(models.KindInvalid, "report.xml is no JUnit report: %v", err)
		}
		for _, f := range []models.Measurement{
			{Name: "tests", Value: float64(count.tests)},
			{Name: "failures", Value: float64(count.failures)},
			{Name: "errors", Value: float64(count.errors)},
			{Name: "skipped", Value: float64(count.skipped)},
		} {
			measure(report, f.Name, f.Value)
		}
	}
	if text, err = p.leftFile(measuredName); err != nil || text == nil {
		return count, err
	}
	measured, err := readMeasurements(text)
	if err != nil {
		return count, models.Errorf(models.KindInvalid, "%s", err.Error())
	}
	for _, name := range keys(measured) {
		measure(report, name, measured[name])
	}
	return count, nil
}

// measure adds a figure; what the command says itself beats what we count.
func measure(report *models.Report, name string, value float64) {
	if i := slices.IndexFunc(report.Measurements, func(m models.Measurement) bool { return m.Name == name }); i >= 0 {
		report.Measurements[i].Value = value
		return
	}
	report.Measurements = append(report.Measurements, models.Measurement{Name: name, Value: value})
}

// The bounds of measurements.json.
const (
	maxFigures    = 1000
	maxFigureName = 200
)

// notNumbers are what Python's json writes of floats that JSON does not know.
var notNumbers = regexp.MustCompile(`[:,\[]\s*(NaN|-?Infinity)\b`)

// readMeasurements reads an object of numbers.
func readMeasurements(text []byte) (map[string]float64, error) {
	const want = `measurements.json is no object of numbers, such as {"accuracy": 0.93}`
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		if odd := notNumbers.FindSubmatch(text); odd != nil {
			return nil, fmt.Errorf("%s: it has %s, which JSON does not know: leave such a figure out", want, odd[1])
		}
		return nil, fmt.Errorf("%s: %w", want, err)
	}
	if raw == nil {
		return nil, fmt.Errorf("%s: it is null", want)
	}
	if len(raw) > maxFigures {
		return nil, fmt.Errorf("measurements.json has %d figures, at most %d are kept: leave the details to a file in SLIPWAY_OUTPUT_DIR", len(raw), maxFigures)
	}
	measured := make(map[string]float64, len(raw))
	for _, name := range keys(raw) {
		var value float64
		if name == "" || len(name) > maxFigureName || !utf8.ValidString(name) || bytes.ContainsFunc([]byte(name), func(r rune) bool { return r < ' ' }) {
			return nil, fmt.Errorf("%s: %.50q cannot name a figure: 1 to %d bytes without control characters", want, name, maxFigureName)
		}
		if err := json.Unmarshal(raw[name], &value); err != nil || string(raw[name]) == "null" {
			return nil, fmt.Errorf("%s: %q is %s, no number", want, name, cut(string(raw[name]), 60))
		}
		measured[name] = value
	}
	return measured, nil
}

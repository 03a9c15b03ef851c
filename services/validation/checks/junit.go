package checks

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// collect reads what a command left: report.xml and measurements.json, in its
// folder for output or where it ran.
func (p place) collect(report *models.Report) error {
	text, err := p.read("report.xml")
	if err != nil {
		return err
	}
	if text != nil {
		if err := readJUnit(text, report); err != nil {
			return models.Errorf(models.KindInvalid, "report.xml is no JUnit report: %v", err)
		}
	}
	if text, err = p.read("measurements.json"); err != nil || text == nil {
		return err
	}
	var measured map[string]float64
	if err := json.Unmarshal(text, &measured); err != nil {
		return models.Errorf(models.KindInvalid, `measurements.json is no object of numbers, such as {"accuracy": 0.93}: %v`, err)
	}
	for _, name := range keys(measured) {
		report.Measurements = append(report.Measurements, models.Measurement{Name: name, Value: measured[name]})
	}
	return nil
}

// read gives a file that the command left; nil where it left none. A link is
// not followed: it could lead to a file of ours.
func (p place) read(name string) ([]byte, error) {
	for _, dir := range []string{p.output, p.model} {
		path := filepath.Join(dir, name)
		stat, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !stat.Mode().IsRegular() || stat.Size() > maxText {
			return nil, models.Errorf(models.KindInvalid, "%s is no plain file of at most %d bytes", name, maxText)
		}
		return os.ReadFile(path)
	}
	return nil, nil
}

// suite is a JUnit <testsuite>, or <testsuites> around some.
type suite struct {
	Suites []suite    `xml:"testsuite"`
	Cases  []testCase `xml:"testcase"`
}

type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Time    string   `xml:"time,attr"`
	Failure *outcome `xml:"failure"`
	Error   *outcome `xml:"error"`
	Skipped *outcome `xml:"skipped"`
}

type outcome struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// readJUnit makes each case a finding, those that failed first.
func readJUnit(text []byte, report *models.Report) error {
	var root suite
	if err := xml.Unmarshal(text, &root); err != nil {
		return err
	}
	counts := map[string]int{"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
	var findings []models.Finding
	var walk func(suite)
	walk = func(s suite) {
		for _, c := range s.Cases {
			counts["tests"]++
			findings = append(findings, c.finding(counts))
		}
		for _, inner := range s.Suites {
			walk(inner)
		}
	}
	walk(root)
	slices.SortStableFunc(findings, func(a, b models.Finding) int { return bad(b) - bad(a) })
	report.Findings = append(report.Findings, findings...)
	for _, name := range []string{"tests", "failures", "errors", "skipped"} {
		report.Measurements = append(report.Measurements, models.Measurement{Name: name, Value: float64(counts[name])})
	}
	return nil
}

func bad(f models.Finding) int {
	if f.Severity == models.SeverityError {
		return 1
	}
	return 0
}

func (c testCase) finding(counts map[string]int) models.Finding {
	where := strings.Trim(c.Class+"::"+c.Name, ":")
	switch {
	case c.Failure != nil:
		counts["failures"]++
		return problem(where, "%s failed: %s", c.Name, c.Failure.words())
	case c.Error != nil:
		counts["errors"]++
		return problem(where, "%s could not run: %s", c.Name, c.Error.words())
	case c.Skipped != nil:
		counts["skipped"]++
		return info(where, "%s was skipped: %s", c.Name, c.Skipped.words())
	default:
		return info(where, "%s passed in %s s", c.Name, c.Time)
	}
}

func (o outcome) words() string {
	if o.Message == "" {
		return strings.TrimSpace(o.Text)
	}
	return fmt.Sprintf("%s\n%s", o.Message, strings.TrimSpace(o.Text))
}

package report

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
)

// The rules by which judging names its findings.
const (
	ruleThreshold = "threshold"
	ruleCompare   = "compare"
)

// The elements of JUnit XML, in the order and with the attributes that the
// schemas of Jenkins and of Ant's JUnit task both take.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		ID         int             `xml:"id,attr"`
		Package    string          `xml:"package,attr"`
		Name       string          `xml:"name,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Hostname   string          `xml:"hostname,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"`
		Err        string          `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Skipped *junitSkipped `xml:"skipped"`
		Error   *junitProblem `xml:"error"`
		Failure *junitProblem `xml:"failure"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes a validation as JUnit XML: a suite for each step, a case for
// each threshold, each test of the team's own, and each group of findings.
func (s Service) JUnit(ctx context.Context, w io.Writer, id int64) error {
	v, err := s.Source.Get(ctx, id)
	if err != nil {
		return err
	}
	now, err := s.Source.Now(ctx)
	if err != nil {
		return err
	}
	var all junitSuites
	for _, step := range v.Steps {
		all.Suites = append(all.Suites, suite(v, step, now))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	out := xml.NewEncoder(w)
	out.Indent("", "  ")
	if err := out.Encode(all); err != nil {
		return fmt.Errorf("write the JUnit report of validation %d: %w", id, err)
	}
	_, err = io.WriteString(w, "\n")
	return err
}

func suite(v models.Validation, step models.StepResult, now time.Time) junitSuite {
	began := v.CreatedAt
	if step.StartedAt != nil {
		began = *step.StartedAt
	}
	s := junitSuite{
		ID: step.Index, Package: v.Model, Name: fmt.Sprintf("%d %s", step.Index+1, step.Name), Timestamp: began.UTC().Format("2006-01-02T15:04:05"),
		Hostname: "slipway", Time: fmt.Sprintf("%.3f", seconds(step.StartedAt, step.EndedAt)), Cases: cases(v, step),
	}
	if blameless(step) {
		for i, c := range s.Cases {
			for _, p := range []*junitProblem{c.Failure, c.Error} {
				if p != nil {
					s.Cases[i].Skipped = &junitSkipped{"continue_on_error, so it counts for nothing: " + p.Message}
				}
			}
			s.Cases[i].Failure, s.Cases[i].Error = nil, nil
		}
	}
	if w := step.Waiver; step.Verdict == models.VerdictFailed && w.Holds(now) {
		for i, c := range s.Cases {
			if c.Failure != nil {
				s.Cases[i].Skipped = &junitSkipped{fmt.Sprintf("waived by %s until %s: %s (it was: %s)", w.By, w.ExpiresAt.Format(time.RFC3339), w.Reason, c.Failure.Message)}
				s.Cases[i].Failure = nil
			}
		}
	}
	for i := range s.Cases {
		c := &s.Cases[i]
		c.Class, c.Time = v.Model+"."+step.Name, "0"
		s.Tests++
		switch {
		case c.Skipped != nil:
			s.Skipped++
		case c.Error != nil:
			s.Errors++
		case c.Failure != nil:
			s.Failures++
		}
	}
	if len(s.Cases) > 0 {
		s.Cases[0].Time = s.Time // the step's own; the others came of it
	}
	s.Properties = properties(v, step)
	return s
}

func properties(v models.Validation, step models.StepResult) []junitProperty {
	list := []junitProperty{
		{"validation", fmt.Sprint(v.ID)}, {"model", v.Model}, {"version", fmt.Sprint(v.Version)}, {"verdict", string(step.Verdict)},
	}
	if step.ReusedFrom != 0 {
		list = append(list, junitProperty{"reused_from", fmt.Sprint(step.ReusedFrom)})
	}
	for _, name := range slices.Sorted(maps.Keys(step.Inputs)) {
		list = append(list, junitProperty{"input." + name, step.Inputs[name]})
	}
	for _, m := range step.Measurements {
		list = append(list, junitProperty{"figure." + m.Name, number(m.Value)})
	}
	return list
}

// cases are what a step judged.
func cases(v models.Validation, step models.StepResult) []junitCase {
	switch step.Verdict {
	case models.VerdictErrored:
		return []junitCase{{Name: step.Name, Error: &junitProblem{Message: step.Reason, Type: "errored", Text: "It could not look, so it is neither passed nor failed.\n" + words(step.Findings)}}}
	case models.VerdictSkipped:
		return []junitCase{{Name: step.Name, Skipped: &junitSkipped{step.Reason}}}
	case "":
		return []junitCase{{Name: step.Name, Skipped: &junitSkipped{"not done yet: validation " + fmt.Sprint(v.ID) + " is " + string(v.State)}}}
	case models.VerdictPassed, models.VerdictFailed:
	}
	var list []junitCase
	failed := false
	for _, m := range step.Measurements {
		if m.Threshold == "" {
			continue
		}
		c := junitCase{Name: m.Name + " " + m.Threshold}
		if m.Broken {
			c.Failure = &junitProblem{Type: ruleThreshold, Message: fmt.Sprintf("%s is %s, asked for %s", m.Name, number(m.Value), m.Threshold)}
		}
		failed = failed || m.Broken
		list = append(list, c)
	}
	for _, f := range step.Findings {
		if c, ok := tested(f); ok {
			failed = failed || c.Failure != nil
			list = append(list, c)
		}
	}
	for _, g := range byPlace(step.Findings) {
		c := junitCase{Name: "findings: " + g.place}
		if i := slices.IndexFunc(g.found, func(f models.Finding) bool { return f.Severity == models.SeverityError }); i >= 0 {
			failed = true
			c.Failure = &junitProblem{Type: orElse(g.found[i].Rule, "finding"), Message: g.found[i].Message, Text: words(g.found)}
		}
		list = append(list, c)
	}
	if len(list) > 0 && (failed || step.Verdict == models.VerdictPassed) {
		return list
	}
	whole := junitCase{Name: step.Name}
	if step.Verdict == models.VerdictFailed {
		whole.Failure = &junitProblem{Type: "failed", Message: step.Reason}
	}
	return append([]junitCase{whole}, list...)
}

// tested is the case of the team's own that a finding stands for.
func tested(f models.Finding) (c junitCase, ok bool) {
	if f.Rule != models.RuleTest && f.Rule != models.RuleSkippedTest {
		return c, false
	}
	c.Name = f.Where
	switch {
	case f.Rule == models.RuleSkippedTest:
		c.Skipped = &junitSkipped{f.Message}
	case f.Severity == models.SeverityError:
		c.Failure = &junitProblem{Type: f.Rule, Message: f.Message, Text: words([]models.Finding{f})}
	}
	return c, true
}

// placed are the findings in one file, or about one thing.
type placed struct {
	place string
	found []models.Finding
}

// byPlace groups what is more than information; what a threshold says is a case
// of its own.
func byPlace(findings []models.Finding) []placed {
	var groups []placed
	for _, f := range findings {
		if _, test := tested(f); test || f.Severity == models.SeverityInfo || f.Rule == ruleThreshold {
			continue
		}
		at, _ := location(f.Where)
		if f.Rule == ruleCompare {
			at = f.Where + " beside the champion"
		}
		at = orElse(at, "the whole")
		i := slices.IndexFunc(groups, func(g placed) bool { return g.place == at })
		if i < 0 {
			i, groups = len(groups), append(groups, placed{place: at})
		}
		groups[i].found = append(groups[i].found, f)
	}
	return groups
}

func words(findings []models.Finding) string {
	var lines []string
	for _, f := range findings {
		line := string(f.Severity) + ": "
		if f.Where != "" {
			line += f.Where + ": "
		}
		if line += f.Message; f.Remedy != "" {
			line += " (" + f.Remedy + ")"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// location reads where a finding is: a file and perhaps a line of file:line, or
// file!member@offset. What is no file is given as it is.
func location(where string) (place string, line int) {
	place, _, _ = strings.Cut(where, "!")
	if file, rest, ok := cutLast(place, ":"); ok && isFile(file) {
		var n int
		if _, err := fmt.Sscanf(rest, "%d", &n); err == nil && n > 0 {
			return file, n
		}
	}
	if file, rest, ok := cutLast(place, "@"); ok && isFile(file) && strings.Trim(rest, "0123456789") == "" {
		return file, 0
	}
	return place, 0
}

func cutLast(text, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

// isFile tells a path from a name of something else.
func isFile(place string) bool {
	ext := path.Ext(place)
	return place == "MLmodel" || strings.Contains(place, "/") || len(ext) > 1 && !strings.ContainsAny(place, " []")
}

package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func junitText(t *testing.T, k kept) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Service{Source: k}.JUnit(t.Context(), &out, 12))
	return out.Bytes()
}

func junit(t *testing.T, k kept) []junitSuite {
	t.Helper()
	var all junitSuites
	require.NoError(t, xml.Unmarshal(junitText(t, k), &all))
	return all.Suites
}

// rule is what the schemas of Ant's JUnit task (JUnit.xsd) and of Jenkins
// (junit-10.xsd) both say of an element.
type rule struct {
	required []string
	optional []string
	children []string // in their order
}

var schema = map[string]rule{
	"testsuites": {children: []string{"testsuite"}},
	"testsuite": {
		required: []string{"name", "timestamp", "hostname", "tests", "failures", "errors", "time", "id", "package"}, optional: []string{"skipped"},
		children: []string{"properties", "testcase", "system-out", "system-err"},
	},
	"properties": {children: []string{"property"}},
	"property":   {required: []string{"name", "value"}},
	"testcase":   {required: []string{"name", "classname", "time"}, children: []string{"skipped", "error", "failure"}},
	"skipped":    {optional: []string{"message"}},
	"error":      {required: []string{"type"}, optional: []string{"message"}},
	"failure":    {required: []string{"type"}, optional: []string{"message"}},
	"system-out": {}, "system-err": {},
}

func TestJUnitKeepsToItsSchemas(t *testing.T) {
	t.Parallel()
	k := example(t)
	k.validation.Steps[2].Reason = "a \x01 control sign, ]]> and & <b>"
	dec := xml.NewDecoder(bytes.NewReader(junitText(t, k)))
	type open struct {
		name string
		last int // child
	}
	stack := []open{}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			r, known := schema[e.Name.Local]
			require.True(t, known, "element %s", e.Name.Local)
			var names []string
			for _, a := range e.Attr {
				names = append(names, a.Name.Local)
				require.Contains(t, slices.Concat(r.required, r.optional), a.Name.Local, "attribute of %s", e.Name.Local)
				switch a.Name.Local {
				case "timestamp":
					require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`, a.Value)
				case "tests", "failures", "errors", "skipped", "id":
					require.Regexp(t, `^\d+$`, a.Value)
				case "time":
					require.Regexp(t, regexp.MustCompile(`^\d+(\.\d+)?$`), a.Value)
				}
			}
			for _, want := range r.required {
				require.Contains(t, names, want, "attribute of %s", e.Name.Local)
			}
			if n := len(stack); n > 0 {
				at := slices.Index(schema[stack[n-1].name].children, e.Name.Local)
				require.GreaterOrEqual(t, at, stack[n-1].last, "%s in %s", e.Name.Local, stack[n-1].name)
				stack[n-1].last = at
			}
			stack = append(stack, open{name: e.Name.Local})
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
}

func TestJUnitTellsErroredFromFailed(t *testing.T) {
	t.Parallel()
	suites := junit(t, example(t))
	type counts struct{ tests, failures, errors, skipped int }
	var got []counts
	for _, s := range suites {
		got = append(got, counts{s.Tests, s.Failures, s.Errors, s.Skipped})
	}
	require.Equal(t, []counts{{1, 0, 0, 0}, {3, 2, 0, 0}, {1, 0, 1, 0}, {1, 0, 0, 1}}, got)
	require.Equal(t, "map50 is 0.41, asked for >= 0.8", suites[1].Cases[0].Failure.Message)
	require.Equal(t, "findings: code/a b.py", suites[0].Cases[0].Name, "a warning fails nothing")
	require.Nil(t, suites[0].Cases[0].Failure)
	require.Equal(t, "the command crashed: signal 9", suites[2].Cases[0].Error.Message)
}

func TestAFailedStepWithoutFindingsFailsItsCase(t *testing.T) {
	t.Parallel()
	k := example(t)
	k.validation.Steps = []models.StepResult{{Name: "x", Reason: "so it is", Report: models.Report{
		Verdict: models.VerdictFailed, Measurements: []models.Measurement{{Name: "a", Value: 1, Threshold: ">= 0"}},
	}}}
	suites := junit(t, k)
	require.Equal(t, 1, suites[0].Failures)
	require.Equal(t, "so it is", suites[0].Cases[0].Failure.Message)
}

func TestTheTeamsOwnTestsAreCases(t *testing.T) {
	t.Parallel()
	k := example(t)
	k.validation.Steps = []models.StepResult{{Name: "x", Report: models.Report{Verdict: models.VerdictFailed, Findings: []models.Finding{
		{Severity: models.SeverityInfo, Rule: models.RuleTest, Where: "a::one", Message: "one passed"},
		{Severity: models.SeverityInfo, Rule: models.RuleSkippedTest, Where: "a::two", Message: "two was skipped: why not"},
		{Severity: models.SeverityError, Rule: models.RuleTest, Where: "a::three", Message: "three failed"},
	}}}}
	s := junit(t, k)[0]
	require.Equal(t, []int{3, 1, 1}, []int{s.Tests, s.Failures, s.Skipped})
	require.Equal(t, []string{"a::one", "a::two", "a::three"}, []string{s.Cases[0].Name, s.Cases[1].Name, s.Cases[2].Name})
	require.Equal(t, "three failed", s.Cases[2].Failure.Message)
	var text bytes.Buffer
	require.NoError(t, Service{Source: k}.SARIF(t.Context(), &text, 1))
	require.Contains(t, text.String(), "three failed")
	require.NotContains(t, text.String(), "one passed", "what passed is no alert")
}

func TestWhereAFindingIs(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]struct {
		place string
		line  int
		file  bool
	}{
		"code/a b.py:7":           {"code/a b.py", 7, true},
		"labels/val/0007.txt:3":   {"labels/val/0007.txt", 3, true},
		"model.pkl!data.pkl@12":   {"model.pkl", 0, true},
		"model.pkl@12":            {"model.pkl", 0, true},
		"MLmodel":                 {"MLmodel", 0, true},
		"ap50[driver's cab]":      {"ap50[driver's cab]", 0, false},
		"classes":                 {"classes", 0, false},
		"tests.test_a::test_b":    {"tests.test_a::test_b", 0, true},
		"":                        {"", 0, false},
		strings.Repeat("a", 3000): {strings.Repeat("a", 3000), 0, false},
	} {
		place, line := location(where)
		require.Equal(t, want.place, place, where)
		require.Equal(t, want.line, line, where)
		if where != "tests.test_a::test_b" {
			require.Equal(t, want.file, isFile(place), where)
		}
	}
}

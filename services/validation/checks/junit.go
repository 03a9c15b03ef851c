package checks

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/slipway-ml/slipway/models"
)

// tally counts the cases of a JUnit report.
type tally struct {
	tests, failures, errors, skipped int
	uncollected                      string // a file whose tests pytest could not collect
}

// testCase is a case of a JUnit report, as pytest, Maven or gotestsum write it.
type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	File    string   `xml:"file,attr"`
	Line    string   `xml:"line,attr"`
	Time    string   `xml:"time,attr"`
	Failure *outcome `xml:"failure"`
	Error   *outcome `xml:"error"`
	Skipped *outcome `xml:"skipped"`
	Out     string   `xml:"system-out"`
	Err     string   `xml:"system-err"`
}

type outcome struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// The bounds of a JUnit report; what of a case is longer is cut in its middle.
const (
	maxDepth   = 64
	maxCases   = 501 // of a severity, as findings: one more than a report keeps
	maxTrace   = 2500
	maxPrinted = 1000
)

// readJUnit makes each case a finding. It reads one case at a time, expands no
// entity but XML's own five, and opens nothing that the text names.
func readJUnit(text []byte, report *models.Report) (tally, error) {
	var count tally
	kept := map[models.Severity]int{}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		known, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return known.NewDecoder().Reader(in), nil
	}
	root := false
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if !root {
				return count, errors.New("it is empty")
			}
			return count, nil
		}
		if err != nil {
			return count, err
		}
		switch t := token.(type) {
		case xml.Directive:
			return count, errors.New("it has a document type (<!DOCTYPE …>), which no JUnit report needs and a hostile one may")
		case xml.EndElement:
			depth--
		case xml.StartElement:
			name := t.Name.Local
			if !root && name != "testsuites" && name != "testsuite" {
				return count, fmt.Errorf("it begins with <%s>, not with <testsuites> or <testsuite>", name)
			}
			root = true
			if depth++; depth > maxDepth {
				return count, fmt.Errorf("its elements are nested more than %d deep", maxDepth)
			}
			if name != "testcase" {
				continue
			}
			var c testCase
			if err := d.DecodeElement(&c, &t); err != nil {
				return count, err
			}
			depth--
			f := c.finding(&count)
			if kept[f.Severity]++; kept[f.Severity] <= maxCases {
				report.Findings = append(report.Findings, f)
			}
		}
	}
}

// finding judges a case, and counts it.
func (c testCase) finding(count *tally) models.Finding {
	count.tests++
	test := strings.Trim(c.Class+"::"+c.Name, ":")
	where := test
	if c.File != "" {
		where = strings.TrimSuffix(c.File+":"+c.Line, ":")
	}
	after := ""
	if c.Time != "" {
		after = " after " + cut(c.Time, 20) + " s"
	}
	switch {
	case c.Failure != nil:
		count.failures++
		return models.Finding{
			Severity: models.SeverityError, Where: where, Rule: models.RuleTest,
			Message: fmt.Sprintf("%s failed%s: %s%s", c.told(where, test), after, c.Failure.words(), c.printed()),
		}
	case c.Error != nil:
		count.errors++
		if c.Error.Message == "collection failure" && count.uncollected == "" {
			count.uncollected = cut(test, 200)
		}
		return models.Finding{
			Severity: models.SeverityError, Where: where, Rule: models.RuleTest,
			Message: fmt.Sprintf("%s could not run: %s%s", c.told(where, test), c.Error.words(), c.printed()),
		}
	case c.Skipped != nil:
		count.skipped++
		f := info(where, "%s was skipped: %s", c.told(where, test), c.Skipped.words())
		f.Rule = models.RuleSkippedTest
		return f
	default:
		f := info(where, "%s passed%s", c.told(where, test), after)
		f.Rule = models.RuleTest
		return f
	}
}

// told names the case: shortly where its place has its class.
func (c testCase) told(where, test string) string {
	if where == test {
		return c.Name
	}
	return test
}

func (o outcome) words() string {
	text := strings.TrimSpace(o.Text)
	if o.Message != "" && !strings.HasPrefix(text, o.Message) {
		text = strings.TrimSpace(o.Message + "\n" + text)
	}
	return cut(text, maxTrace)
}

// printed is what the case wrote while it ran.
func (c testCase) printed() string {
	text := ""
	for _, out := range [][2]string{{"system-out", c.Out}, {"system-err", c.Err}} {
		if printed := strings.TrimSpace(out[1]); printed != "" {
			text += "\n--- " + out[0] + " ---\n" + cut(printed, maxPrinted/2)
		}
	}
	return text
}

// cut shortens a text in its middle: a trace has its essence at both ends.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	head, tail := most/2, len(text)-most/2
	for head > 0 && !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	return text[:head] + fmt.Sprintf("\n… %d bytes more …\n", tail-head) + text[tail:]
}

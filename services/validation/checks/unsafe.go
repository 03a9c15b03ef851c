package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/scan"
	"github.com/slipway-ml/slipway/services/validation"
)

// UnsafeCode looks for code in the version's files, and tells no code from
// declared code from hidden code.
type UnsafeCode struct{}

// unsafeSettings are the fields of a step.
type unsafeSettings struct {
	Fail  []unsafeRule `json:"fail,omitempty" jsonschema_description:"Rules of unsafe-code that fail the step, whatever their default."`
	Warn  []unsafeRule `json:"warn,omitempty" jsonschema_description:"Rules of unsafe-code that warn, whatever their default."`
	Allow []string     `json:"allow,omitempty" jsonschema_description:"What unsafe-code leaves out: a rule, a global by its exact name such as my_package.Scaler, a path or a pattern of paths, or a line of requirements."`
}

// unsafeRule is a rule of the check.
type unsafeRule string

// JSONSchema lists the rules.
func (unsafeRule) JSONSchema() *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string", Description: "A rule of unsafe-code, such as native-code."}
	for _, r := range models.UnsafeRules {
		s.Enum = append(s.Enum, string(r.Rule))
	}
	return s
}

// Lint refuses a rule that is to fail and to warn at once, and what allows
// nothing.
func (s unsafeSettings) Lint(at func(field, format string, args ...any)) {
	for i, rule := range s.Warn {
		if slices.Contains(s.Fail, rule) {
			at(fmt.Sprintf("warn[%d]", i), "%q stands under fail: too; one of the two", string(rule))
		}
	}
	for i, entry := range s.Allow {
		if strings.TrimSpace(entry) == "" {
			at(fmt.Sprintf("allow[%d]", i), "this allows nothing: a rule, a global's exact name, a path, or a line of requirements")
		}
	}
}

// Declare implements validation.Check.
func (UnsafeCode) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "unsafe-code", Version: 1, Guard: true, About: "pickles, archives, layers, scripts and requirements hold no hidden code.",
		Settings: unsafeSettings{},
		Measures: []pipeline.Measure{
			{Name: "files", About: "files of the version"},
			{Name: "bytes", About: "their size"},
			{Name: "members", About: "files found inside of archives"},
			{Name: "unpacked_bytes", About: "their size unpacked"},
			{Name: "pickles", Lower: true, About: "pickles followed"},
			{Name: "globals", Lower: true, About: "names that pickles import"},
			{Name: "findings", Lower: true, About: "things found, whatever their weight"},
		},
	}
}

// Run implements validation.Check.
func (UnsafeCode) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	var settings unsafeSettings
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	fail := ruled(settings.Fail)
	scanner := scan.New(ctx, scan.Options{Fail: fail, Warn: ruled(settings.Warn), Allow: settings.Allow, Temp: s.Dir})
	text, err := readText(ctx, s, "MLmodel")
	switch {
	case err == nil:
		scanner.Declare(text, filePaths(s.Manifest))
	case !models.IsKind(err, models.KindNotFound) && !models.IsKind(err, models.KindInvalid):
		return report, err
	}
	total := int64(0)
	for _, e := range s.Manifest.Entries {
		total += e.Size
	}
	for _, e := range s.Manifest.Entries {
		found, err := scanFile(ctx, s, scanner, e)
		report.Findings = append(report.Findings, found...)
		if err != nil {
			return report, err
		}
		s.Progress(scanner.Counts.Bytes, total, "bytes")
	}
	return weigh(s, scanner, fail, report)
}

func ruled(names []unsafeRule) []models.UnsafeRule {
	rules := make([]models.UnsafeRule, len(names))
	for i, name := range names {
		rules[i] = models.UnsafeRule(name)
	}
	return rules
}

// scanFile reads a file once, to verify it, and has it looked at.
func scanFile(ctx context.Context, s *validation.Subject, scanner *scan.Scanner, e models.ManifestEntry) ([]models.Finding, error) {
	file, err := s.Random(ctx, e)
	if err != nil {
		return blame(e.Path, err)
	}
	return nil, scanner.File(e.Path, file, e.Size)
}

// weigh makes the report. Where something could not be looked into and nothing
// was found, the version is not judged.
func weigh(s *validation.Subject, scanner *scan.Scanner, fail []models.UnsafeRule, report models.Report) (models.Report, error) {
	var unread []string
	failed := len(report.Findings) > 0
	declared := map[string]int{}
	for _, f := range scanner.Found() {
		_, _ = fmt.Fprintf(s.Log, "%s: %s: %s\n", f.Rule, f.Where, f.Message)
		severity := scanner.Severity(f.Rule)
		if f.Rule == models.RuleDeclaredCode {
			if declared[f.Message]++; declared[f.Message] > 3 {
				continue // a folder of code is said once, not a file at a time
			}
		}
		if f.Rule == models.RuleUnread && severity == models.SeverityError && !slices.Contains(fail, f.Rule) {
			unread = append(unread, f.Where+": "+f.Message)
		} else {
			failed = failed || severity == models.SeverityError
		}
		report.Findings = append(report.Findings, models.Finding{
			Severity: severity, Where: f.Where, Rule: string(f.Rule), Message: fmt.Sprintf("%s [%s]", f.Message, f.Rule), Remedy: f.Remedy,
		})
	}
	c := scanner.Counts
	for _, m := range []struct {
		name  string
		value int64
	}{{"files", c.Files}, {"bytes", c.Bytes}, {"members", c.Members}, {"unpacked_bytes", c.Unpacked}, {"pickles", c.Pickles}, {"globals", c.Globals}, {"findings", int64(len(scanner.Found()))}} {
		report.Measurements = append(report.Measurements, models.Measurement{Name: m.name, Value: float64(m.value)})
	}
	report.Facts = map[string]string{"code": scanner.Verdict()}
	if len(unread) > 0 && !failed {
		return report, models.Errorf(models.KindUnsupported, "it could not look into all: %s", strings.Join(unread[:min(3, len(unread))], "; "))
	}
	return report, nil
}

// filePaths lists a version's paths.
func filePaths(m models.Manifest) []string {
	list := make([]string, len(m.Entries))
	for i, e := range m.Entries {
		list[i] = e.Path
	}
	return list
}

package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/scan"
	"github.com/slipway-ml/slipway/services/validation"
)

// UnsafeCode looks for code in the version's files, and tells no code from
// declared code from hidden code.
type UnsafeCode struct{}

// Name implements validation.Check.
func (UnsafeCode) Name() string { return "unsafe-code" }

// Run implements validation.Check.
func (UnsafeCode) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	scanner := scan.New(ctx, scan.Options{Fail: s.Step.Fail, Warn: s.Step.Warn, Allow: s.Step.Allow, Temp: s.Dir})
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
	return weigh(s, scanner, report)
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
func weigh(s *validation.Subject, scanner *scan.Scanner, report models.Report) (models.Report, error) {
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
		if f.Rule == models.RuleUnread && severity == models.SeverityError && !slices.Contains(s.Step.Fail, f.Rule) {
			unread = append(unread, f.Where+": "+f.Message)
		} else {
			failed = failed || severity == models.SeverityError
		}
		report.Findings = append(report.Findings, models.Finding{
			Severity: severity, Where: f.Where, Message: fmt.Sprintf("%s [%s]", f.Message, f.Rule), Remedy: f.Remedy,
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

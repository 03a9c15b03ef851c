package checks

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Integrity checks that every file is what the manifest says, that MLmodel
// parses and names what is there, and that requirements are pinned.
type Integrity struct{}

// Declare implements validation.Check.
func (Integrity) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "integrity", About: "the files match their digests and MLmodel names what is there.",
		Measures: []pipeline.Measure{{Name: "files", About: "files of the version"}, {Name: "bytes", About: "their size"}},
	}
}

// Run implements validation.Check.
func (Integrity) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	var bytes int64
	for i, e := range s.Manifest.Entries {
		found, err := verify(ctx, s, e)
		if err != nil {
			return report, err
		}
		report.Findings = append(report.Findings, found...)
		bytes += e.Size
		s.Progress(int64(i+1), int64(len(s.Manifest.Entries)), "files")
	}
	report.Measurements = []models.Measurement{
		{Name: "files", Value: float64(len(s.Manifest.Entries))}, {Name: "bytes", Value: float64(bytes)},
	}
	if s.Manifest.Digest != "" {
		report.Facts = map[string]string{"manifest": "sha256:" + s.Manifest.Digest}
	}
	found, err := flavors(ctx, s)
	if err != nil {
		return report, err
	}
	report.Findings = append(report.Findings, found...)
	found, err = requirements(ctx, s)
	report.Findings = append(report.Findings, found...)
	return report, err
}

// verify reads a file to its end, which holds it against its digest.
func verify(ctx context.Context, s *validation.Subject, e models.ManifestEntry) ([]models.Finding, error) {
	body, err := s.Open(ctx, e)
	if err != nil {
		return blame(e.Path, err)
	}
	defer func() { _ = body.Close() }()
	n, err := io.Copy(io.Discard, body)
	if err != nil {
		return blame(e.Path, err)
	}
	if n != e.Size {
		return []models.Finding{problem(e.Path, "%s has %d bytes, the manifest says %d", e.Path, n, e.Size)}, nil
	}
	_, _ = fmt.Fprintf(s.Log, "%s  %s (%d bytes)\n", e.SHA256, e.Path, e.Size)
	return nil, nil
}

// flavors holds MLmodel against the files.
func flavors(ctx context.Context, s *validation.Subject) ([]models.Finding, error) {
	m, err := readMLmodel(ctx, s)
	if models.IsKind(err, models.KindNotFound) {
		return []models.Finding{{
			Severity: models.SeverityError, Where: "MLmodel", Message: fmt.Sprintf("no MLmodel under %s", s.Version.Source),
			Remedy: "register a model that an MLflow flavour logged (mlflow.onnx.log_model)",
		}}, nil
	}
	if err != nil {
		return blame("MLmodel", err)
	}
	var findings []models.Finding
	for _, name := range keys(m.Flavors) {
		said := paths(m.Flavors[name])
		for _, key := range keys(said) {
			if p := said[key]; !holds(s.Manifest, p) {
				findings = append(findings, problem("MLmodel", "flavors.%s.%s names %q, which is not among the version's files", name, key, p))
			}
		}
	}
	return findings, nil
}

// pinned is a requirement that one version alone meets, or a file or address.
var pinned = regexp.MustCompile(`^[^=<>~!]+(===?)[^*,]+$|@\s*\S+|^-|://`)

// requirements warns of those that are not pinned: another day they are others.
func requirements(ctx context.Context, s *validation.Subject) ([]models.Finding, error) {
	const name = "requirements.txt"
	text, err := readText(ctx, s, name)
	if models.IsKind(err, models.KindNotFound) {
		return []models.Finding{info(name, "the version has no requirements.txt")}, nil
	}
	if err != nil {
		return blame(name, err)
	}
	var findings []models.Finding
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxText)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), " #")
		line, _, _ = strings.Cut(line, ";")
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") || pinned.MatchString(line) {
			continue
		}
		f := warning(fmt.Sprintf("%s:%d", name, n), "%q is not pinned", line)
		f.Remedy = "name one version, as in onnx==1.17.0"
		findings = append(findings, f)
	}
	return findings, lines.Err()
}

package checks

import (
	"context"
	"fmt"
	"io"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Integrity checks that every file is what the manifest says, that MLmodel
// parses, names what is there and accounts for it, and that requirements parse
// and are pinned.
type Integrity struct{}

// Declare implements validation.Check.
func (Integrity) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "integrity", Guard: true, About: "the files match their digests and MLmodel names what is there.",
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
	for _, look := range []func(context.Context, *validation.Subject) ([]models.Finding, error){flavors, requirements} {
		found, err := look(ctx, s)
		if err != nil {
			return report, err
		}
		report.Findings = append(report.Findings, found...)
	}
	return report, nil
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

// flavors holds MLmodel against the files, both ways.
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
	more, err := unlisted(ctx, s, m)
	return append(findings, more...), err
}

// requirements judges what says which packages the version needs.
func requirements(ctx context.Context, s *validation.Subject) ([]models.Finding, error) {
	var findings []models.Finding
	there := false
	for _, name := range []string{"requirements.txt", "conda.yaml", "python_env.yaml"} {
		text, err := readText(ctx, s, name)
		if models.IsKind(err, models.KindNotFound) && !holds(s.Manifest, name) {
			continue
		}
		there = true
		if err != nil {
			found, err := blame(name, err)
			if err != nil {
				return nil, err
			}
			findings = append(findings, found...)
			continue
		}
		if name == "requirements.txt" {
			findings = append(findings, requirementFile(name, text, s.Manifest)...)
		} else {
			findings = append(findings, environmentFile(name, text, s.Manifest)...)
		}
	}
	if !there {
		f := warning("requirements.txt", "nothing says which packages the version needs: there is no requirements.txt, conda.yaml or python_env.yaml")
		f.Remedy = "log the model with pip_requirements="
		findings = append(findings, f)
	}
	return findings, nil
}

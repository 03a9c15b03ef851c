package checks

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// ONNX checks that the model's file parses, has all its parts, loads in
// slipway-serve, and answers: in numbers, the same twice, and each row as if it
// were alone.
type ONNX struct{}

// onnxSettings are the fields of a step.
type onnxSettings struct {
	Noise     bool    `json:"noise,omitempty" jsonschema_description:"Whether onnx asks uniform noise too (true). false is for models that no noise makes sense to."`
	Tolerance float64 `json:"batch_tolerance,omitempty" jsonschema:"minimum=0" jsonschema_description:"How far onnx lets a row of a batch be from the same row alone, as a share of the output's largest number (0.001)."`
}

// Declare implements validation.Check.
func (ONNX) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "onnx", Version: 1, About: "it loads and answers.",
		Settings: onnxSettings{Noise: true, Tolerance: 1e-3},
		Measures: []pipeline.Measure{
			{Name: "ir_version", About: "the version of ONNX's format"},
			{Name: "opset", About: "the version of the operators of ai.onnx"},
			{Name: "load_ms", Lower: true, About: "time to load it in slipway-serve, in milliseconds"},
			{Name: "answer_ms", Lower: true, About: "time of the first answer, in milliseconds"},
			{Name: "batch_difference", Lower: true, About: "how far a row of a batch is from the same row alone, as a share of the output's largest number"},
		},
	}
}

// standard are the domains of operators that ONNX Runtime brings along.
var standard = []string{
	"ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training",
	"com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc", "com.microsoft.experimental",
}

// Run implements validation.Check.
func (ONNX) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	var settings onnxSettings
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	file, err := onnxFile(ctx, s)
	if err == nil && file == "" {
		err = models.Errorf(models.KindInvalid, "the version is no ONNX model: MLmodel has no flavor onnx")
	}
	if err == nil && !holds(s.Manifest, file) {
		err = models.Errorf(models.KindInvalid, "MLmodel names %q, which is not among the version's files", file)
	}
	if err != nil {
		report.Findings, err = blame("MLmodel", err)
		return report, err
	}
	folder, err := s.Folder(ctx)
	if err != nil {
		return report, err
	}
	model, err := readONNX(filepath.Join(folder, filepath.FromSlash(file)))
	if err != nil {
		f := problem(file, "%s: %v", file, err)
		f.Remedy = "log the model again; the upload may have been cut off before it was registered"
		report.Findings = append(report.Findings, f)
		return report, nil
	}
	describe(&report, model)
	report.Findings = append(report.Findings, parts(s.Manifest, file, model)...)
	if len(report.Findings) > 0 {
		return report, nil
	}
	served, err := s.Serve(ctx)
	if err != nil {
		return report, err
	}
	defer served.Stop()
	report.Facts["runtime"] = served.Facts.Runtime
	report.Measurements = append(report.Measurements, models.Measurement{Name: "load_ms", Value: milliseconds(served.Loaded)})
	return report, (&inquiry{s: s, served: served, settings: settings, model: model, report: &report}).run(ctx)
}

func describe(report *models.Report, m onnxModel) {
	report.Measurements = append(report.Measurements,
		models.Measurement{Name: "ir_version", Value: float64(m.IRVersion)},
		models.Measurement{Name: "opset", Value: float64(m.Opsets["ai.onnx"])},
	)
	var opsets []string
	for _, domain := range keys(m.Opsets) {
		opsets = append(opsets, fmt.Sprintf("%s %d", domain, m.Opsets[domain]))
	}
	report.Facts = map[string]string{
		"opsets": strings.Join(opsets, ", "), "nodes": fmt.Sprint(m.Nodes), "inputs": valueWords(m.Inputs), "outputs": valueWords(m.Outputs),
	}
}

func valueWords(values []value) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = v.String()
	}
	return strings.Join(words, "; ")
}

// parts finds what the file needs and does not bring.
func parts(manifest models.Manifest, file string, m onnxModel) []models.Finding {
	var findings []models.Finding
	for _, domain := range keys(m.Used) {
		if !slices.Contains(standard, domain) && !m.Functions[domain] {
			f := problem(file, "operators of the domain %q are not ONNX Runtime's", domain)
			f.Remedy = "export without custom operators: slipway-serve loads no libraries of theirs"
			findings = append(findings, f)
		}
	}
	missing := map[string]int{}
	for _, e := range m.External {
		p, ok := e.beside(file)
		if !ok {
			findings = append(findings, problem(file, "tensor %q lies in %q, outside the model's folder", e.tensor, e.location))
			continue
		}
		i := slices.IndexFunc(manifest.Entries, func(entry models.ManifestEntry) bool { return entry.Path == p })
		switch {
		case i < 0:
			missing[p]++
		case e.offset < 0 || e.length < 0 || e.offset > manifest.Entries[i].Size-e.length:
			findings = append(findings, problem(p, "tensor %q ends at byte %d of %s, which has %d: it is cut off", e.tensor, e.offset+e.length, p, manifest.Entries[i].Size))
		}
	}
	for _, p := range keys(missing) {
		f := problem(p, "%s holds %d of the model's tensors and is not among the version's files", p, missing[p])
		f.Remedy = "log the folder with its external data (mlflow.onnx.log_model does)"
		findings = append(findings, f)
	}
	return findings
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

package checks

import (
	"context"
	"errors"
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
// slipway-serve, and answers: the same twice, in numbers.
type ONNX struct{}

// Declare implements validation.Check.
func (ONNX) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "onnx", About: "it loads and answers.",
		Measures: []pipeline.Measure{
			{Name: "ir_version", About: "the version of ONNX's format"},
			{Name: "opset", About: "the version of the operators of ai.onnx"},
			{Name: "load_ms", Lower: true, About: "time to load it in slipway-serve, in milliseconds"},
			{Name: "answer_ms", Lower: true, About: "time of the first answer, in milliseconds"},
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
	return report, load(ctx, s, &report)
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
	report.Facts = map[string]string{"opsets": strings.Join(opsets, ", "), "nodes": fmt.Sprint(m.Nodes)}
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
		case e.offset < 0 || e.length < 0 || e.offset+e.length > manifest.Entries[i].Size:
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

// load runs the model in slipway-serve and asks it.
func load(ctx context.Context, s *validation.Subject, report *models.Report) error {
	served, err := s.Serve(ctx)
	if broken := (*validation.BrokenError)(nil); errors.As(err, &broken) {
		f := problem("model", "%s", broken.Error())
		f.Remedy = "export it for the ONNX Runtime of this server (the message names the limits)"
		report.Findings = append(report.Findings, f)
		return nil
	}
	if err != nil {
		return err
	}
	defer served.Stop()
	report.Facts["runtime"] = served.Facts.Runtime
	report.Measurements = append(report.Measurements, models.Measurement{Name: "load_ms", Value: milliseconds(served.Loaded)})
	asked, err := questions(ctx, s, served)
	if err != nil {
		return err
	}
	return answers(ctx, served, report, asked)
}

// answers asks each question until one is understood, and that one twice.
func answers(ctx context.Context, served *validation.Served, report *models.Report, asked []question) error {
	var refused []string
	for _, q := range asked {
		begin := time.Now() //nolint:forbidigo // a duration, not a rule
		first, err := q.ask(ctx, served)
		took := time.Since(begin)
		var no *refusedError
		if errors.As(err, &no) && !no.fault {
			refused = append(refused, q.what+": "+no.message)
			continue
		}
		if errors.As(err, &no) {
			report.Findings = append(report.Findings, problem("model", "it fails on %s: %s", q.what, no.message))
			return nil
		}
		if err != nil {
			return err
		}
		report.Facts["asked"] = q.what
		report.Measurements = append(report.Measurements, models.Measurement{Name: "answer_ms", Value: milliseconds(took)})
		second, err := q.ask(ctx, served)
		if errors.As(err, &no) {
			report.Findings = append(report.Findings, problem("model", "it answers %s once, and the second time: %s", q.what, no.message))
			return nil
		}
		if err != nil {
			return err
		}
		report.Findings = append(report.Findings, first.compare(second, q.what)...)
		return nil
	}
	return models.Errorf(models.KindUnsupported,
		"the model could not be asked (%s): log it with an input_example, so that its open dimensions are known", strings.Join(refused, "; "))
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

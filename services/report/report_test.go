package report

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

// kept is a source of one validation, with what its steps attached.
type kept struct {
	validation models.Validation
	files      map[string][]byte
	repeat     *models.Repeat
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func (k kept) Get(context.Context, int64) (models.Validation, error) { return k.validation, nil }
func (k kept) Repeat(context.Context, models.Validation) (*models.Repeat, error) {
	return k.repeat, nil
}
func (k kept) Now(context.Context) (time.Time, error) { return noon, nil }
func (k kept) Log(context.Context, models.StepResult, int64) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("a first line\nthe last line <b>\n")), nil
}

func (k kept) Attachment(_ context.Context, step models.StepResult, name string) (models.Attachment, io.ReadCloser, error) {
	for _, a := range step.Attachments {
		if a.Name == name {
			return a, io.NopCloser(bytes.NewReader(k.files[name])), nil
		}
	}
	return models.Attachment{}, nil, models.Errorf(models.KindNotFound, "no %s", name)
}

func later(d time.Duration) *time.Time {
	t := noon.Add(d)
	return &t
}

// example is a failed validation with all that a report can show.
func example(t *testing.T) kept {
	t.Helper()
	k := kept{files: map[string][]byte{}}
	figures, err := json.Marshal(drawings())
	require.NoError(t, err)
	k.files["figures.json"] = figures
	k.files["worst-1.jpg"] = photograph(t)
	champion, low := 0.8574, 0.41
	k.validation = models.Validation{
		ID: 12, Model: "shapes-detector", Version: 3, Revision: 4, State: models.ValidationFailed, Trigger: models.TriggerManual,
		Reason: "detection: map50 is 0.41, asked for >= 0.8", CreatedBy: "anonymous", CreatedAt: noon, StartedAt: later(0), EndedAt: later(95 * time.Second),
		Machine: map[string]string{"slipway": "0.1.0", "cpu": "Some CPU", "cores": "2"},
		Steps: []models.StepResult{
			{Name: "unsafe-code", Check: "unsafe-code", ReusedFrom: 7, StartedAt: later(0), EndedAt: later(time.Second), LogKey: "x", Report: models.Report{
				Verdict: models.VerdictPassed, Measurements: []models.Measurement{{Name: "files", Value: 4}, {Name: "bytes", Value: 12345678}},
				Findings: []models.Finding{{Severity: models.SeverityWarning, Where: "code/a b.py:7", Rule: "script", Message: "source code that MLmodel does not declare", Remedy: "declare it under code"}},
			}},
			{
				Name: "detection", Index: 1, Check: "detection", StartedAt: later(time.Second), EndedAt: later(90 * time.Second), LogKey: "y",
				Reason: "map50 is 0.41, asked for >= 0.8", Inputs: map[string]string{"model_digest": "sha256:" + strings.Repeat("ab", 32), "dataset": "shapes-val@1"},
				Report: models.Report{
					Verdict: models.VerdictFailed, Facts: map[string]string{"layout": "(1, 4+nc, N)", "convention": "COCO, 101 recall points"},
					Measurements: []models.Measurement{
						{Name: "map50", Value: low, Threshold: ">= 0.8", Broken: true, Champion: &champion},
						{Name: "map50_95", Value: 0.55, Threshold: ">= 0.5", Champion: &low},
						{Name: "images", Value: 48},
						{Name: "ap50[bolt]", Value: 0.2231},
					},
					Findings: []models.Finding{
						{Severity: models.SeverityError, Where: "map50", Rule: "threshold", Judged: true, Message: "map50 is 0.41, asked for >= 0.8"},
						{Severity: models.SeverityError, Where: "map50", Rule: "compare", Judged: true, Message: "map50 is 0.41, and production's is 0.86: worse by more than 0.02"},
						{Severity: models.SeverityInfo, Where: "classes", Message: "<script>alert(1)</script> & co"},
					},
					Attachments: []models.Attachment{
						{Name: "figures.json", MediaType: "application/json", Size: int64(len(figures))},
						{Name: "worst-1.jpg", MediaType: "image/jpeg", Size: int64(len(k.files["worst-1.jpg"]))},
					},
				},
			},
			{
				Name: "contract", Index: 2, Run: "pytest -q", Reason: "the command crashed: signal 9", StartedAt: later(90 * time.Second), EndedAt: later(95 * time.Second), LogKey: "z",
				Report: models.Report{Verdict: models.VerdictErrored},
			},
			{Name: "latency", Index: 3, Check: "latency", Reason: "not run", Report: models.Report{Verdict: models.VerdictSkipped}},
		},
	}
	return k
}

func drawings() models.Figures {
	var xs, ys, f1 []float64
	for i := range 101 {
		x := float64(i) / 100
		xs, ys, f1 = append(xs, x), append(ys, 1-math.Pow(x, 6)), append(f1, math.Sin(math.Pi*x)*0.9)
	}
	return models.Figures{
		Charts: []models.Chart{
			{Title: "Precision and recall", Kind: models.ChartLines, X: "recall", Y: "precision", Series: []models.Series{{Name: "bolt", X: xs, Y: ys}, {Name: "<i>nut</i>", X: xs, Y: f1}}, About: "At an IoU of 0.50."},
			{Title: "F1 by confidence", Kind: models.ChartLines, X: "confidence", Y: "F1", Series: []models.Series{{Name: "all classes", X: xs, Y: f1}}},
			{Title: "Latency", Kind: models.ChartBars, X: "milliseconds", Y: "requests", Series: []models.Series{{Name: "this version", X: []float64{5, 6, 7, 8, 9, 10, 11, 12}, Y: []float64{3, 40, 130, 96, 40, 22, 9, 2}}}},
			{
				Title: "Average precision by class", Kind: models.ChartBars, Y: "AP", Labels: []string{"bolt", "nut", "screw", "washer", "driver's cab", "pin", "ring", "plate"},
				Series: []models.Series{{Name: "this version", Y: []float64{.2, .9, .7, .8, .5, .4, .6, .3}}, {Name: "production", Y: []float64{.5, .8, .7, .8, .4, .6, .6, .3}}},
			},
			{Title: "Confusion", Kind: models.ChartMatrix, Labels: []string{"bolt", "nut", "screw", "background"}, Cells: [][]float64{{20, 3, 0, 9}, {1, 44, 0, 2}, {0, 0, 31, 1}, {4, 0, 2, 0}}},
			{Title: "Nothing", Kind: models.ChartLines},
		},
		Pictures: []models.Picture{{Path: "val/images/0001.jpg", Title: "2 missed", Image: "worst-1.jpg", Width: 640, Height: 480, Boxes: []models.PictureBox{
			{Box: [4]float64{60, 80, 240, 260}, Label: "bolt", Right: true},
			{Box: [4]float64{66, 90, 236, 270}, Label: "bolt", Score: .91, Predicted: true, Right: true},
			{Box: [4]float64{400, 300, 520, 420}, Label: "nut"},
			{Box: [4]float64{330, 60, 620, 200}, Label: "</text><script>", Score: .4, Predicted: true},
		}}, {Path: "val/images/0002.jpg", Image: "worst-1.jpg", Width: 640, Height: 480}, {Path: "gone.jpg", Image: "gone.jpg", Width: 10, Height: 10}},
	}
}

func photograph(t *testing.T) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for y := range 240 {
		for x := range 320 {
			picture.Set(x, y, color.RGBA{uint8(40 + x/3), uint8(60 + y/2), uint8(120 - x/4), 255})
		}
	}
	var out bytes.Buffer
	require.NoError(t, jpeg.Encode(&out, picture, nil))
	return out.Bytes()
}

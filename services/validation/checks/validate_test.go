package checks_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
	"github.com/slipway-ml/slipway/services/validation/checks"
	"github.com/slipway-ml/slipway/storage"
)

const detectionStep = `    - check: detection
      dataset: shapes-val@1
`

// reference reads pycocotools' figures for a detector.
func reference(t *testing.T, model string) (figures struct {
	MAP50    float64 `json:"map50"`
	MAP5095  float64 `json:"map50_95"`
	PerClass map[string]struct {
		AP50 float64 `json:"ap50"`
	} `json:"per_class"`
},
) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shapes, model+".reference.json"))
	require.NoError(t, err)
	var doc struct{ Pycocotools json.RawMessage }
	require.NoError(t, json.Unmarshal(text, &doc))
	require.NoError(t, json.Unmarshal(doc.Pycocotools, &figures))
	return figures
}

func TestDetectionAgreesWithPycocotools(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"v1", "v2-poor", "v3-fragile", "v4-better", "v4-dynamic"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.push(nil)
			w.apply("    - check: integrity\n    - check: onnx\n" + detectionStep)
			v := w.validate(w.register(onnxFiles(t, model)))
			require.Equal(t, models.ValidationPassed, v.State, v.Reason)
			got, want := measured(v.Steps[2]), reference(t, model)
			require.InDelta(t, want.MAP50, got["map50"], 0.01)
			require.InDelta(t, want.MAP5095, got["map50_95"], 0.01)
			for class, figures := range want.PerClass {
				require.InDelta(t, figures.AP50, got["ap50["+class+"]"], 0.02, class)
			}
			require.EqualValues(t, []float64{48, 2, 146}, []float64{got["images"], got["backgrounds"], got["boxes"]})
			require.Equal(t, "yolov8", v.Steps[2].Facts["layout"])
			require.Equal(t, models.Progress{Done: 48, Total: 48, Unit: "images"}, v.Steps[2].Progress)
		})
	}
}

func TestDetectionByEitherConvention(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.tags = map[string][]string{"val/images/0004.jpg": {"night"}, "val/images/0005.jpg": {"night", "weather=rain"}, "val/images/0040.jpg": {"night"}}
	w.push(nil)
	step := "    - check: detection\n      dataset: shapes-val@1\n      slices: [{name: first, where: {image: 'val/images/00[012]*'}}, {name: last, where: {image: 'val/images/00[34]*'}}, {name: night, where: {tag: night, image: 'val/images/000*'}}]\n"
	w.apply(step + "      name: coco\n" + step + "      name: ultralytics\n      convention: ultralytics\n      confidence: 0.5\n" +
		"      thresholds: {\"ap50[nut]{last}\": \">= 0.5\"}\n")
	v := w.validate(w.register(onnxFiles(t, "v1")))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)

	coco, ultralytics := measured(v.Steps[0]), measured(v.Steps[1])
	require.InDelta(t, 0.8574, coco["map50"], 0.01)
	require.InDelta(t, 0.8596, ultralytics["map50"], 0.01)
	require.InDelta(t, 0.7965, ultralytics["precision"], 0.02)
	require.InDelta(t, 0.7911, ultralytics["recall"], 0.02)
	require.InDelta(t, 0.4945, ultralytics["best_confidence"], 0.03)
	require.InDelta(t, 0.4038, coco["map_small"], 0.03)
	require.Contains(t, ultralytics, "ap50[nut]{last}")
	for _, m := range []map[string]float64{coco, ultralytics} {
		require.EqualValues(t, 30, m["images{first}"])
		require.EqualValues(t, 2, m["images{night}"])
		require.EqualValues(t, 146, m["boxes{first}"]+m["boxes{last}"])
		require.Contains(t, m, "f1_at[bolt]")
	}
	require.Equal(t, "coco", v.Steps[0].Facts["convention"])
	require.Equal(t, "160x160", v.Steps[1].Facts["input"])
}

func TestDetectionKeepsWhatAReportShows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.push(nil)
	w.apply(detectionStep)
	v := w.validate(w.register(onnxFiles(t, "v2-poor")))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	read := func(name string) []byte {
		_, body, err := w.Attachment(t.Context(), v.Steps[0], name)
		require.NoError(t, err)
		text, err := io.ReadAll(body)
		require.NoError(t, err)
		return text
	}
	evidence, err := detection.DecodeEvidence(bytes.NewReader(read(checks.EvidenceName)))
	require.NoError(t, err)
	require.InDelta(t, measured(v.Steps[0])["map50"], evidence.Rank().Scores().MAP50, 0, "the figures come from the evidence")

	var figures models.Figures
	require.NoError(t, json.Unmarshal(read(validation.FiguresName), &figures))
	require.Len(t, figures.Charts, 4)
	require.Len(t, figures.Charts[0].Series, 5, "the mean and four classes")
	matrix, labels := figures.Charts[3], 0.0
	for _, row := range matrix.Cells[:4] {
		for _, n := range row {
			labels += n
		}
	}
	require.InDelta(t, 146, labels, 0, "each label stands in its row once")
	require.Len(t, figures.Pictures, 12)
	first := figures.Pictures[0]
	require.NotEmpty(t, first.Boxes)
	im, err := detection.Decode(read(first.Image))
	require.NoError(t, err)
	require.Equal(t, []int{first.Width, first.Height}, []int{im.Width, im.Height})
}

func TestAPoorDetectorFailsWithTheFigures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.push(nil)
	w.apply(detectionStep + "      thresholds: {map50: \">= 0.80\", \"ap50[washer]\": \">= 0.5\"}\n      compare: {against: production, no_worse_than: 0.02}\n    - run: \"true\"\n")
	v := w.validate(w.register(onnxFiles(t, "v2-poor")))
	require.Equal(t, models.ValidationFailed, v.State)
	require.Regexp(t, `^detection: map50 is 0\.4\d+, asked for >= 0\.8$`, v.Reason)
	require.Equal(t, models.VerdictFailed, v.Steps[0].Verdict)
	require.Contains(t, said(v.Steps[0]), "production runs no version yet: nothing to compare with, which does not block")
	require.Equal(t, models.VerdictPassed, v.Steps[1].Verdict, "a step that needs no other goes on")
}

func TestDetectionOnFaultyInput(t *testing.T) {
	t.Parallel()
	truncated, err := os.ReadFile(filepath.Join(shapes, "val", "images", "0003.jpg"))
	require.NoError(t, err)
	tests := map[string]struct {
		changes files
		step    string
		state   models.ValidationState
		want    string
	}{
		"images that do not decode are named, and it cannot be judged": {
			files{"val/images/0003.jpg": string(truncated[:len(truncated)/2]), "val/images/0007.jpg": "no picture"},
			detectionStep,
			models.ValidationErrored, "2 of 48 images do not decode, val/images/0003.jpg first",
		},
		"an image that is excluded by name is left out": {
			files{"val/images/0007.jpg": "no picture"}, detectionStep + "      exclude: [val/images/0007.jpg]\n", models.ValidationPassed, "",
		},
		"an exclude that is not there": {
			nil, detectionStep + "      exclude: [val/images/x.jpg]\n", models.ValidationErrored, `has no image "val/images/x.jpg"`,
		},
		"a data set that is not there": {
			nil, strings.ReplaceAll(detectionStep, "@1", "@9"), models.ValidationErrored, "there is no data set shapes-val@9",
		},
		"a class that the model lacks": {
			files{"data.yaml": "val: val/images\nnames: [bolt, washer, nut, rivet]\n"},
			detectionStep,
			models.ValidationFailed, `the model lacks the data set's class "rivet"; its classes are bolt, washer, nut, screw`,
		},
		"classes in another order are matched by name": {
			files{"data.yaml": "val: val/images\nnames: [washer, bolt, nut, screw]\n"}, detectionStep, models.ValidationPassed, "matched by name",
		},
		"an image that must come out right": {
			nil, detectionStep + "      slices: [{name: one, where: {image: val/images/0001.jpg}}]\n      thresholds: {\"recall_at{one}\": \">= 1\"}\n",
			models.ValidationPassed, "the slice \"one\" has 1 images",
		},
		"a slice that is empty": {
			nil, detectionStep + "      slices: [{name: night, where: {image: 'val/night/*'}}]\n",
			models.ValidationErrored, `the slice "night" has no image of shapes-val@1`,
		},
		"a layout that the model has not": {
			nil, detectionStep + "      layout: yolov5\n", models.ValidationFailed, "an output of shape [1 8 500] of a model that names 4 classes is not in layout yolov5",
		},
		"a threshold on a class that the data set has not": {
			nil, detectionStep + "      thresholds: {\"ap50[rivet]\": \">= 0.5\"}\n", models.ValidationErrored, "nothing measured ap50[rivet]",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.push(tt.changes)
			w.apply(tt.step)
			v := w.validate(w.register(onnxFiles(t, "v1")))
			require.Equal(t, tt.state, v.State, v.Reason)
			require.Contains(t, said(v.Steps[0]), tt.want)
		})
	}
}

func TestWithoutSlipwayServeNothingIsJudged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.push(nil)
	w.Settings.Serve = filepath.Join(t.TempDir(), "slipway-serve")
	w.apply(detectionStep)
	v := w.validate(w.register(onnxFiles(t, "v1")))
	require.Equal(t, models.ValidationErrored, v.State)
	require.Contains(t, v.Reason, "slipway-serve is missing here")
}

func TestASlipwayServeThatDiesIsNoJudgement(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ script, want string }{
		"before it serves": {"echo no room >&2; exit 9", "ended before it served (exit code 9): see the log"},
		"while it is asked": {
			`while [ "$1" != --address-file ]; do shift; done; echo 127.0.0.1:1 > "$2"; exit 9`, "died while it was asked: exit code 9",
		},
		"from outside":              {"kill -KILL $$", "ended before it served (signal killed from outside"},
		"with a reason of its own":  {`echo '{"error_code": "SERVE_FAILED", "message": "no ONNX Runtime"}' >&2; exit 1`, "no ONNX Runtime"},
		"without an answer to give": {"exec sleep 60", "still running after 2s, its timeout"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.push(nil)
			script := filepath.Join(t.TempDir(), "slipway-serve")
			require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755))
			w.Settings.Serve, w.Settings.Runtime = script, script
			step := detectionStep
			if name == "without an answer to give" {
				step += "      timeout: 2s\n"
			}
			w.apply(step)
			v := w.validate(w.register(onnxFiles(t, "v1")))
			require.Equal(t, models.ValidationErrored, v.State)
			require.Contains(t, v.Reason, tt.want)
		})
	}
}

func TestAVersionWhoseFilesAreStillHashedWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.apply("    - check: integrity\n")
	version := w.register(onnxFiles(t, "v1"))
	files := func(state models.FilesState) {
		require.NoError(t, w.db.InTx(t.Context(), func(tx storage.Tx) error {
			return tx.Versions().SetFiles(version.ID, state, "")
		}))
	}
	files(models.FilesHashing)
	created, err := w.Create(t.Context(), "m", version.Number, validation.Ask{})
	require.NoError(t, err)
	err = validation.Validate{Service: w.Service}.Work(t.Context(), arguments(t, "validation_id", created.ID))
	require.ErrorContains(t, err, "run again in")
	files(models.FilesFrozen)
	require.Equal(t, models.ValidationPassed, w.work(t.Context(), created.ID).State)
}

func TestTheChampionIsComparedOnTheSameData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.push(nil)
	compare := detectionStep + "      compare: {against: production, no_worse_than: 0.02}\n"
	w.apply(compare)
	better := w.register(onnxFiles(t, "v4-better"))
	w.release(better)

	v := w.validate(w.register(onnxFiles(t, "v1")))
	require.Equal(t, models.ValidationFailed, v.State)
	require.Contains(t, v.Reason, "production's is 0.8")
	require.Contains(t, v.Reason, "48 images cannot tell whether it is worse by more than 0.02")
	require.Contains(t, v.Steps[0].Facts["compare map50"], "inconclusive: -0.03")
	require.Equal(t, "m/1, measured now on the same data", v.Steps[0].Facts["champion"])
	figures := measured(v.Steps[0])

	require.Equal(t, models.ValidationPassed, w.validate(better).State, "what production runs is no worse than itself")
	v = w.validate(w.register(onnxFiles(t, "v4-dynamic")))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	require.Equal(t, "m/1, measured earlier on the same data", v.Steps[0].Facts["champion"])
	require.NotNil(t, v.Steps[0].Measurements[0].Champion)
	require.Contains(t, v.Steps[0].Facts["compare map50_95"], "no worse")

	v = w.validate(w.register(onnxFiles(t, "v2-poor")))
	require.Equal(t, models.ValidationFailed, v.State)
	require.Contains(t, v.Reason, "worse by more than 0.02")
	require.Contains(t, v.Steps[0].Facts["compare map50"], "worse: -0.4")

	w.apply(detectionStep + "      compare: {against: production, no_worse_than: 0.9}\n")
	v = w.validate(w.register(onnxFiles(t, "v1")))
	require.Equal(t, models.ValidationPassed, v.State, "an earlier result that was compared otherwise is not taken: %s", v.Reason)

	w.alias("best", better)
	for against, want := range map[string]struct {
		more  string
		state models.ValidationState
		says  string
	}{
		`"@best"`:       {"", models.ValidationFailed, "@best's is 0.8"},
		`"@nobody"`:     {"", models.ValidationPassed, "@nobody runs no version yet"},
		"{version: 1}":  {"", models.ValidationFailed, "version 1's is 0.8"},
		"{version: 2}":  {"", models.ValidationPassed, "version 2's is 0.8"},
		"{version: 99}": {"", models.ValidationErrored, "99"},
		"production": {
			", metrics: [\"map50{some}\"]}\n      slices: [{name: some, where: {image: val/images/001*}}]\n      compare_by: estimate #",
			models.ValidationFailed, "map50{some} is",
		},
	} {
		w.apply(detectionStep + "      compare: {against: " + against + ", no_worse_than: 0.02" + want.more + "}\n")
		v = w.validate(w.register(onnxFiles(t, "v1")))
		require.Equal(t, want.state, v.State, "%s: %s", against, v.Reason)
		require.Contains(t, said(v.Steps[0]), want.says)
		if want.more == "" && want.state != models.ValidationErrored {
			require.Equal(t, figures, measured(v.Steps[0]), "what it is compared with changes no figure")
		}
	}
}

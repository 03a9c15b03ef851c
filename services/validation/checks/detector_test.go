package checks_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slipway-ml/slipway/models"
)

// withoutNames takes the metadata (field 14) out of an ONNX file.
func withoutNames(t *testing.T, onnx string) string {
	t.Helper()
	var out []byte
	for rest := []byte(onnx); len(rest) > 0; {
		field, _, n := protowire.ConsumeField(rest)
		require.Positive(t, n)
		if field != 14 {
			out = append(out, rest[:n]...)
		}
		rest = rest[n:]
	}
	return string(out)
}

func TestDetectorsOfOtherKinds(t *testing.T) {
	t.Parallel()
	v1 := onnxFiles(t, "v1")["model.onnx"]
	night, err := os.ReadFile(filepath.Join(shapes, "live", "night-01.jpg"))
	require.NoError(t, err)
	tests := map[string]struct {
		model   string
		changes files
		state   models.ValidationState
		want    string
	}{
		"an output that is no detector's": {made{operators: []string{"Sqrt"}}.onnx(), nil, models.ValidationFailed, "the model is no detector"},
		"a picture's input and another output": {
			made{operators: []string{"Sqrt"}, dims: []int64{1, 3, 8, 8}}.onnx(), nil, models.ValidationFailed, "the model is no detector: its output is FP32",
		},
		"a model that does not load":  {v1[:1000], nil, models.ValidationFailed, "the model does not load"},
		"a model without class names": {withoutNames(t, v1), nil, models.ValidationPassed, "the ONNX file names no classes: taken by id"},
		"fewer names in the data set than the model finds": {
			withoutNames(t, v1),
			files{"data.yaml": "val: one.txt\nnames: [bolt]", "one.txt": "val/images/b.jpg\n", "val/images/b.jpg": string(picture(t)), "val/labels/b.txt": "0 .5 .5 .1 .1"},
			models.ValidationErrored, "names no classes, and the model has 4 where the data set has 1",
		},
		"a picture on which the model fails": {
			onnxFiles(t, "v3-fragile")["model.onnx"],
			files{"val/images/night.jpg": string(night)},
			models.ValidationFailed, "the model fails on val/images/night.jpg: the model failed",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.push(tt.changes)
			w.apply(detectionStep)
			f := onnxFiles(t, "v1")
			f["model.onnx"] = tt.model
			v := w.validate(w.register(f))
			require.Equal(t, tt.state, v.State, v.Reason)
			require.Contains(t, said(v.Steps[0]), tt.want)
		})
	}
}

func picture(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shapes, "val", "images", "0001.jpg"))
	require.NoError(t, err)
	return text
}

package runtimes_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/image/runtimes"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	logged := runtimes.Model{Name: "m", Version: 3, Flavors: []string{"onnx", "python_function"}, Paths: []string{"MLmodel", "model.onnx"}}
	bare := runtimes.Model{Name: "m", Version: 3, Paths: []string{"README.md", "nets/Best.ONNX"}}
	sklearn := runtimes.Model{Name: "m", Version: 3, Flavors: []string{"sklearn"}, Paths: []string{"MLmodel", "extra.onnx"}}
	for name, c := range map[string]struct {
		asked string
		model runtimes.Model
		serve string // what the entrypoint is told to serve
		fails string
	}{
		"a logged model by itself":             {asked: "auto", model: logged, serve: "/model"},
		"nothing asked is auto":                {model: logged, serve: "/model"},
		"a bare file wherever it is":           {asked: "onnx", model: bare, serve: "/model/nets/Best.ONNX"},
		"another flavour, auto":                {asked: "auto", model: sklearn, fails: "no runtime (onnx) serves version 3 of \"m\", which has the flavours sklearn"},
		"another flavour, asked for":           {asked: "onnx", model: sklearn, fails: "the runtime onnx does not serve version 3"},
		"a runtime that nobody has registered": {asked: "triton", model: logged, fails: `there is no runtime "triton": use auto, onnx`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := runtimes.Choose(c.asked, c.model)
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				require.Equal(t, models.KindInvalid, models.KindOf(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.serve, r.Entrypoint(c.model)[2])
		})
	}
}

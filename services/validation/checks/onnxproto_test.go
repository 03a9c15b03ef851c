package checks

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseONNX holds the reader of foreign files to its promise: an answer or
// an error, never a crash.
func FuzzParseONNX(f *testing.F) {
	for _, name := range []string{"v1", "v4-dynamic"} {
		data, err := os.ReadFile("../../../tests/data/shapes/" + name + ".onnx")
		require.NoError(f, err)
		f.Add(data[:4096])
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		m, err := parseONNX(data)
		if err == nil {
			for _, e := range m.External {
				e.beside("model.onnx")
			}
		}
	})
}

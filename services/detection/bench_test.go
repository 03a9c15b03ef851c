package detection_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/detection"
)

// BenchmarkPicture is what a picture costs before the model sees it.
func BenchmarkPicture(b *testing.B) {
	data, err := os.ReadFile(filepath.Join(shapes, "val/images/0000.jpg"))
	require.NoError(b, err)
	im, err := detection.Decode(data)
	require.NoError(b, err)
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			_, _ = detection.Decode(data)
		}
	})
	for _, c := range detection.Conventions {
		b.Run("letterbox "+string(c), func(b *testing.B) {
			for b.Loop() {
				im.Letterbox(160, 160, c)
			}
		})
	}
}

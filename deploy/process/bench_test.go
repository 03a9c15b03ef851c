package process_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/process"
)

// BenchmarkRun is what a run costs beside what it does.
func BenchmarkRun(b *testing.B) {
	spec := deploy.RunSpec{ID: "bench", Server: "bench", Command: []string{"true"}, Dir: b.TempDir(), Env: []string{"PATH=/usr/bin:/bin"}}
	for b.Loop() {
		_, err := process.Runner{}.Run(b.Context(), spec)
		require.NoError(b, err)
	}
}

package drift_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/drift"
	"github.com/slipway-ml/slipway/tests/testbed"
)

func feature(values []float64) (f drift.Feature) {
	for _, v := range values {
		f.Add(v)
	}
	return f
}

func TestDistancesAgreeWithSciPy(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	sample := func(n int, shift, grain float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = math.Round((random.NormFloat64()+shift)/grain) * grain
		}
		return out
	}
	type pair struct {
		Reference []float64 `json:"reference"`
		Now       []float64 `json:"now"`
	}
	var pairs []pair
	for _, shift := range []float64{0, 0.3, 5} {
		for _, grain := range []float64{1e-9, 0.5} { // ties, too
			pairs = append(pairs, pair{sample(400, 0, grain), sample(250, shift, grain)})
		}
	}
	var in bytes.Buffer
	for _, p := range pairs {
		require.NoError(t, json.NewEncoder(&in).Encode(p))
	}
	cmd := exec.CommandContext(t.Context(), testbed.Python(t), "-B", "testdata/distances.py")
	cmd.Stdin = &in
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	answers := json.NewDecoder(bytes.NewReader(out))
	for _, p := range pairs {
		var want struct{ KS, JS float64 }
		require.NoError(t, answers.Decode(&want), "%s", out)
		got := drift.Between(feature(p.Reference), feature(p.Now))
		require.InDelta(t, want.KS, got.KS, 1e-9)
		require.InDelta(t, want.JS, got.JS, 1e-9)
	}
}

func TestStability(t *testing.T) {
	t.Parallel()
	reference := drift.Feature{Words: map[string]int{"a": 50, "b": 50}}
	same := drift.Between(reference, drift.Feature{Words: map[string]int{"a": 5, "b": 5}})
	require.Zero(t, same.PSI)
	require.Zero(t, same.JS)
	require.True(t, math.IsNaN(same.KS))

	moved := drift.Between(reference, drift.Feature{Words: map[string]int{"a": 20, "b": 70, "c": 10}})
	// c is new: its share in the reference counts as 0.0001.
	want := -0.3*math.Log(0.2/0.5) + 0.2*math.Log(0.7/0.5) + (0.1-1e-4)*math.Log(0.1/1e-4)
	require.InDelta(t, want, moved.PSI, 1e-12)
	require.Equal(t, []string{"c"}, moved.New)

	gone := drift.Between(feature([]float64{1, 2, 3, 4}), feature([]float64{math.NaN(), math.Inf(1)}))
	require.Greater(t, gone.PSI, drift.Major, "values that are missing are a change")
	require.True(t, math.IsNaN(gone.KS))
	require.InDelta(t, 1, gone.JS, 1e-12)
}

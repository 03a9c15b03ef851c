package accuracy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/accuracy"
	"github.com/slipway-ml/slipway/tests/testbed"
)

// given is one case for scikit-learn.
type given struct {
	Kind    string      `json:"kind"`
	Classes int         `json:"classes"`
	Truth   []float64   `json:"truth"`
	Guessed []float64   `json:"guessed"`
	Shares  [][]float64 `json:"shares"`
}

// madeClasses gives n predictions of k classes: probabilities with ties, some
// of them 0 and 1.
func madeClasses(random *rand.Rand, n, k int) given {
	g := given{Kind: "classes", Classes: k}
	for range n {
		truth := random.IntN(k)
		shares, sum := make([]float64, k), 0.0
		for i := range shares {
			shares[i] = float64(random.IntN(8))
			if i == truth {
				shares[i] += float64(random.IntN(10))
			}
			sum += shares[i]
		}
		top := 0
		for i := range shares {
			if sum == 0 {
				shares[i] = 1 / float64(k)
			} else {
				shares[i] /= sum
			}
			if shares[i] > shares[top] {
				top = i
			}
		}
		g.Truth, g.Guessed, g.Shares = append(g.Truth, float64(truth)), append(g.Guessed, float64(top)), append(g.Shares, shares)
	}
	return g
}

func (g given) figures() map[string]float64 {
	if g.Kind == "numbers" {
		var n accuracy.Numbers
		for i, t := range g.Truth {
			n.Add(t, g.Guessed[i])
		}
		s := n.Scores()
		return map[string]float64{"mae": s.MAE, "rmse": s.RMSE, "r2": s.R2, "max": s.Max}
	}
	names := make([]string, g.Classes)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	c := accuracy.NewClasses(names)
	for i, t := range g.Truth {
		c.Add(int(t), int(g.Guessed[i]), g.Shares[i])
	}
	s := c.Scores()
	all := map[string]float64{
		"accuracy": s.Accuracy, "balanced_accuracy": s.BalancedAccuracy, "f1_macro": s.F1Macro, "f1_weighted": s.F1Weighted, "log_loss": s.LogLoss,
	}
	if !math.IsNaN(s.AUC) {
		all["auc"] = s.AUC
	}
	for _, f := range s.Classes {
		all["precision["+f.Name+"]"], all["recall["+f.Name+"]"], all["f1["+f.Name+"]"] = f.Precision, f.Recall, f.F1
	}
	return all
}

func TestFiguresAgreeWithScikitLearn(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	var cases []given
	for _, k := range []int{2, 3, 10} {
		for _, n := range []int{1, 7, 400} { // few predictions leave classes out
			cases = append(cases, madeClasses(random, n, k))
		}
	}
	for _, scale := range []float64{1, 1e6} {
		g := given{Kind: "numbers"}
		for range 300 {
			truth := random.NormFloat64() * scale
			g.Truth, g.Guessed = append(g.Truth, truth), append(g.Guessed, truth*0.9+random.NormFloat64()*scale/5)
		}
		cases = append(cases, g)
	}
	var in bytes.Buffer
	for _, c := range cases {
		require.NoError(t, json.NewEncoder(&in).Encode(c))
	}
	cmd := exec.CommandContext(t.Context(), testbed.Python(t), "-B", "testdata/figures.py")
	cmd.Stdin = &in
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	answers := json.NewDecoder(bytes.NewReader(out))
	for i, c := range cases {
		var want map[string]float64
		require.NoError(t, answers.Decode(&want), "%s", out)
		got := c.figures()
		require.Len(t, got, len(want))
		for name, figure := range want {
			require.InDelta(t, figure, got[name], 1e-9*max(1, math.Abs(figure)), fmt.Sprintf("case %d (%s, %d of %d classes): %s", i, c.Kind, len(c.Truth), c.Classes, name))
		}
	}
}

func TestCalibration(t *testing.T) {
	t.Parallel()
	c := accuracy.NewClasses([]string{"a", "b"})
	for i := range 10 { // sure by 0.9, right in 6 of 10
		truth := 0
		if i >= 6 {
			truth = 1
		}
		c.Add(truth, 0, []float64{0.9, 0.1})
	}
	require.InDelta(t, 0.3, c.Scores().Calibration, 1e-12)
	require.Equal(t, 10, c.Reliability()[13].Count)
	require.Equal(t, [][]float64{{6, 0, 0}, {4, 0, 0}}, c.Confusion())
	part := c.Drawn([]int32{1, 1, 1, 1, 1, 1, 0, 0, 0, 0})
	require.Equal(t, 6, part.Len())
	require.InDelta(t, 1, part.Scores().Accuracy, 0)
	require.True(t, math.IsNaN(part.Scores().AUC), "a class is never true")
}

func TestErrorsOfNumbers(t *testing.T) {
	t.Parallel()
	var n accuracy.Numbers
	for _, guess := range []float64{1, 2, 3, 5} {
		n.Add(1, guess)
	}
	s := n.Scores()
	require.InDelta(t, 1.75, s.Bias, 1e-12)
	require.True(t, math.IsNaN(s.R2), "the truth is one number")
	edges, counts := n.Errors(4)
	require.Equal(t, []float64{0, 1, 2, 3}, edges)
	require.Equal(t, []float64{1, 1, 1, 1}, counts)
}

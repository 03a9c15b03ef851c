package validation

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
)

// declares is a check that says something of itself.
type declares struct{ pipeline.Check }

// Declare implements Check.
func (d declares) Declare() pipeline.Check { return d.Check }

// Run implements Check.
func (declares) Run(context.Context, *Subject) (models.Report, error) { return models.Report{}, nil }

func specs(list ...models.StepSpec) []models.StepSpec { return list }

func TestStepsWaitForWhatTheyNeed(t *testing.T) {
	t.Parallel()
	s := &Service{Checks: []Check{
		declares{pipeline.Check{Name: "guard", Guard: true}}, declares{pipeline.Check{Name: "latency", Alone: true}},
	}}
	none := []string{}
	for name, tt := range map[string]struct {
		steps []models.StepSpec
		want  [][]int
	}{
		"in their order": {specs(models.StepSpec{Name: "a"}, models.StepSpec{Name: "b"}, models.StepSpec{Name: "c"}), [][]int{nil, {0}, {0, 1}}},
		"at once":        {specs(models.StepSpec{Name: "a", Needs: none}, models.StepSpec{Name: "b", Needs: none}), [][]int{nil, nil}},
		"a later one":    {specs(models.StepSpec{Name: "a", Needs: []string{"b"}}, models.StepSpec{Name: "b", Needs: none}), [][]int{{1}, nil}},
		"all after those that run at once": {
			specs(models.StepSpec{Name: "a", Needs: none}, models.StepSpec{Name: "b", Needs: none}, models.StepSpec{Name: "c"}), [][]int{nil, nil, {0, 1}},
		},
		"guards before it": {
			specs(models.StepSpec{Name: "g", Check: "guard"}, models.StepSpec{Name: "h", Check: "guard", Needs: none}, models.StepSpec{Name: "a", Needs: none}, models.StepSpec{Name: "i", Check: "guard"}),
			[][]int{nil, nil, {0, 1}, {0, 1, 2}},
		},
		"legs of a matrix": {
			specs(models.StepSpec{Name: "a"}, models.StepSpec{Name: "m (1)", Leg: "m"}, models.StepSpec{Name: "m (2)", Leg: "m"}, models.StepSpec{Name: "b", Needs: []string{"m (1)", "m (2)"}}),
			[][]int{nil, {0}, {0}, {1, 2}},
		},
	} {
		require.Equal(t, tt.want, s.graph(tt.steps).waits, name)
	}
	require.Equal(t, []bool{false, true}, s.graph(specs(models.StepSpec{Check: "guard"}, models.StepSpec{Check: "latency"})).alone)
}

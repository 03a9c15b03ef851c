package delivery_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/models"
)

func TestSmoke(t *testing.T) {
	t.Parallel()
	type question struct{ path, body string }
	// model keeps the questions it is asked and has inputs of these shapes.
	model := func(inputs string, status int, asked chan<- question) deploytest.Behaviour {
		return deploytest.Behaviour{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, `{"inputs": `+inputs+`}`)
				return
			}
			asked <- question{r.URL.Path, string(body)}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"error_code": "MODEL_FAILED", "message": "index out of range"}`)
		})}
	}
	images := `[{"name": "images", "datatype": "FP32", "shape": [-1, 3, -1, 8]}, {"name": "top", "datatype": "INT64", "shape": [1]}]`
	cases := map[string]struct {
		example string
		inputs  string
		status  int
		state   models.PromotionState
		reason  string
		path    string
	}{
		"the input example is asked where there is one": {
			`{"inputs": [[1, 2]]}`, images, 200, models.PromotionSucceeded, "with the model's input example", "/invocations",
		},
		"noise stands for one that is not there": {
			"", images, 200, models.PromotionSucceeded, "with noise", "/v2/models/shapes/infer",
		},
		"and for one that cannot be read": {
			"lost", images, 200, models.PromotionSucceeded, "with noise", "/v2/models/shapes/infer",
		},
		"a model that fails is not released": {
			"", images, 500, models.PromotionFailed, "leaves dimensions open", "/v2/models/shapes/infer",
		},
		"an example that the model refuses is a fault of the model": {
			`{"inputs": 1}`, images, 400, models.PromotionFailed, "answered POST /invocations with 400", "/invocations",
		},
		"what noise cannot stand for is said": {
			"", `[{"name": "text", "datatype": "BYTES", "shape": [1]}]`, 200, models.PromotionFailed, "log the model with an input example", "",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, map[string]models.EnvironmentSpec{"production": production()})
			asked := make(chan question, 10)
			v := h.version(model(c.inputs, c.status, asked))
			h.mu.Lock()
			h.examples[v] = c.example
			h.mu.Unlock()
			p := h.live("production", v)
			require.Equal(t, c.state, p.State, p.Reason)
			require.Contains(t, p.Reason, c.reason)
			if c.path == "" {
				require.Empty(t, asked)
				return
			}
			q := <-asked
			require.Equal(t, c.path, q.path)
			if c.path == "/invocations" {
				require.Equal(t, c.example, q.body)
				return
			}
			uniform(t, q.body)
		})
	}
}

// uniform checks that a question is noise in 0..1 of the shape that was open.
func uniform(t *testing.T, body string) {
	t.Helper()
	var q struct {
		Inputs []struct {
			Shape []int64
			Data  []float64
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &q))
	require.Equal(t, []int64{1, 3, 64, 8}, q.Inputs[0].Shape)
	require.Len(t, q.Inputs[0].Data, 3*64*8)
	var sum, top float64
	for _, x := range q.Inputs[0].Data {
		require.GreaterOrEqual(t, x, 0.0)
		sum, top = sum+x, max(top, x)
	}
	require.LessOrEqual(t, top, 1.0)
	require.InDelta(t, 0.5, sum/float64(len(q.Inputs[0].Data)), 0.05, "and never zeros")
}

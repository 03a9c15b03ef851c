package mlflow

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

type runData struct {
	Metrics []metricReply `json:"metrics,omitempty"`
	Params  []pair        `json:"params,omitempty"`
	Tags    []pair        `json:"tags,omitempty"`
}

type runReply struct {
	Info    runInfo    `json:"info"`
	Data    runData    `json:"data"`
	Inputs  runInputs  `json:"inputs"`
	Outputs runOutputs `json:"outputs"`
}

func runOf(r models.Run) runReply {
	return runReply{
		Info: infoOf(r), Data: runData{metricsOf(r.Metrics), paramPairs(r.Params), tagPairs(r.Tags)},
		Inputs: inputsOf(r), Outputs: outputsOf(r),
	}
}

// encoded is what a reply is by reflection.
func encoded(t *testing.T, reply any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(reply))
	return b.String()
}

func TestARunIsWrittenAsItsStructs(t *testing.T) {
	t.Parallel()
	odd := "a \"quoted\" <tag> & \\ back\u2028slash\n\t\x01 ünïcode \xff 🚢"
	for name, run := range map[string]models.Run{
		"nothing": {},
		"all": {
			ID: "0123", ExperimentID: 7, Name: odd, User: odd, Status: models.RunFinished, StartMS: 1, EndMS: 2, ArtifactURI: "mlflow-artifacts:/7/0123/artifacts",
			Lifecycle: models.LifecycleActive,
			Metrics: []models.Metric{
				{Key: odd, Value: 1e21, TimestampMS: 3, Step: -4},
				{Key: "nan", Value: math.NaN()},
				{Key: "up", Value: math.Inf(1)},
				{Key: "down", Value: math.Inf(-1), RunID: "r", ModelID: "m", DatasetName: "d", DatasetDigest: "e"},
				{Key: "small", Value: 1e-9},
			},
			Params: []models.Param{{Key: "p", Value: odd}, {Key: "q"}}, Tags: []models.Tag{{Key: odd, Value: "v"}},
			DatasetInputs: []models.DatasetInput{{Dataset: models.InputDataset{Name: odd}, Tags: []models.Tag{{Key: "k", Value: odd}}}},
			ModelInputs:   []string{"m-1"}, ModelOutputs: []models.ModelOutput{{ModelID: "m-2", Step: 5}},
		},
		"only tags": {Tags: []models.Tag{{Key: "k", Value: "v"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, encoded(t, runOf(run)), string(appendRun(nil, run))+"\n")
		})
	}
}

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// benchCase is one line of the table.
type benchCase struct {
	name    string
	title   string
	unit    string  // "/s" unless it says another
	scale   float64 // units of one operation, 1 unless it says more
	clients int     // all unless it says fewer
	most    int64   // operations of a round; 0 is as many as fit
	goal    goal
	only    []string // peers that have it; nil is all
	prepare func(ctx context.Context, t *target) (op, error)
}

// goal is how many times as fast as each peer we want to be; 0 is no goal.
type goal struct {
	sqlite, postgres, fasttrackml float64
}

var registryPeers = []string{"slipway", "mlflow"}

func allCases() []benchCase {
	return append(append(writeCases(), readCases()...), append(registryCases(), artifactCases()...)...)
}

// runOf makes a run of an experiment.
func runOf(c *conn, experiment string) (id, artifacts string, err error) {
	var made struct {
		Run struct {
			Info struct {
				RunID       string `json:"run_id"`
				ArtifactURI string `json:"artifact_uri"`
			}
		}
	}
	err = c.postJSON("runs/create", map[string]any{"experiment_id": experiment, "start_time": time.Now().UnixMilli(), "user_id": "u"}, &made)
	return made.Run.Info.RunID, made.Run.Info.ArtifactURI, err
}

func experimentOf(c *conn, name string) (string, error) {
	var made struct {
		ExperimentID string `json:"experiment_id"`
	}
	err := c.postJSON("experiments/create", map[string]any{"name": fmt.Sprintf("%s-%d", name, time.Now().UnixNano())}, &made)
	return made.ExperimentID, err
}

// appendMetrics writes n points as a batch has them, value by value unlike the
// last.
func appendMetrics(text []byte, n int, i int64, name func(k int) string) []byte {
	now := time.Now().UnixMilli()
	text = append(text, `"metrics":[`...)
	for k := range n {
		if k > 0 {
			text = append(text, ',')
		}
		text = append(text, `{"key":"`...)
		text = append(text, name(k)...)
		text = append(text, `","value":`...)
		text = strconv.AppendFloat(text, value(i*1009+int64(k)), 'g', -1, 64)
		text = append(text, `,"timestamp":`...)
		text = strconv.AppendInt(text, now, 10)
		text = append(text, `,"step":`...)
		text = strconv.AppendInt(text, i, 10)
		text = append(text, '}')
	}
	return append(text, ']')
}

// value spreads n over 0..1 with all the digits that a loss has.
func value(n int64) float64 { return float64(uint64(n)*0x9E3779B97F4A7C15>>11) / (1 << 53) }

func numbered(prefix string, n int) func(int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = prefix + strconv.Itoa(i)
	}
	return func(i int) string { return names[i] }
}

func writeCases() []benchCase {
	list := []benchCase{
		{name: "create-run", title: "create a run", goal: goal{50, 20, 2.5}, prepare: createRun},
		{name: "log-metric", title: "log a metric", goal: goal{30, 20, 2.5}, prepare: logMetric},
	}
	for _, n := range []int{10, 100, 1000} {
		g := goal{25, 10, 2.5}
		if n == 10 {
			g = goal{30, 20, 2.5}
		}
		list = append(list, benchCase{
			name: fmt.Sprintf("batch-%d", n), title: fmt.Sprintf("log a batch of %d", n), goal: g,
			prepare: func(_ context.Context, t *target) (op, error) { return logBatch(t, n) },
		})
	}
	return append(list, benchCase{
		name: "params-100", title: "log 100 params (and create their run)", goal: goal{25, 10, 2.5}, prepare: logParams,
	})
}

func createRun(_ context.Context, t *target) (op, error) {
	experiment, err := t.experiment()
	head := `{"experiment_id":"` + experiment + `","user_id":"u","start_time":`
	return func(c *conn, _ int, _ int64) error {
		c.text = append(strconv.AppendInt(append(c.text[:0], head...), time.Now().UnixMilli(), 10), '}')
		_, err := c.post("runs/create", c.text)
		return err
	}, err
}

func logMetric(_ context.Context, t *target) (op, error) {
	runs, err := t.ownRuns()
	return func(c *conn, client int, i int64) error {
		c.text = fmt.Appendf(c.text[:0], `{"run_id":"%s","key":"loss","value":%v,"timestamp":%d,"step":%d}`, runs[client], value(i), time.Now().UnixMilli(), i)
		_, err := c.post("runs/log-metric", c.text)
		return err
	}, err
}

func logBatch(t *target, n int) (op, error) {
	runs, err := t.ownRuns()
	name := numbered("m", n)
	return func(c *conn, client int, i int64) error {
		c.text = append(c.text[:0], `{"run_id":"`+runs[client]+`",`...)
		c.text = append(appendMetrics(c.text, n, i, name), '}')
		_, err := c.post("runs/log-batch", c.text)
		return err
	}, err
}

func logParams(_ context.Context, t *target) (op, error) {
	experiment, err := t.experiment()
	name := numbered("p", 100)
	return func(c *conn, _ int, i int64) error {
		run, _, err := runOf(c, experiment)
		if err != nil {
			return err
		}
		c.text = append(c.text[:0], `{"run_id":"`+run+`","params":[`...)
		for k := range 100 {
			if k > 0 {
				c.text = append(c.text, ',')
			}
			c.text = append(c.text, `{"key":"`+name(k)+`","value":"`...)
			c.text = append(strconv.AppendInt(c.text, i, 10), `"}`...)
		}
		_, err = c.post("runs/log-batch", append(c.text, "]}"...))
		return err
	}, err
}

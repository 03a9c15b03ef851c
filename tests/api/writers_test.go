package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// Fifty write to one SQLite file at once while others read long answers: all
// are answered, and what was acknowledged is there, also after a kill.
func TestManyWriteToSQLiteWhileOthersRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	uri := "sqlite:///" + dir + "/slipway.db"
	p := world.StartProcess(t, dir, "--backend-store-uri", uri)
	m := mlflow{p.World, t}
	createModel(p.World, "m")
	points := make([]object, 1000)
	for i := range points {
		points[i] = object{"key": "long", "value": i, "timestamp": i, "step": i}
	}
	history := m.run("0")
	for range 10 {
		m.post("runs/log-batch", object{"run_id": history, "metrics": points})
		for i := range points {
			points[i]["step"] = points[i]["step"].(int) + len(points)
		}
	}

	done := make(chan struct{})
	var readers sync.WaitGroup
	read := func(method, path string, body any) {
		for {
			select {
			case <-done:
				return
			default:
			}
			if r := p.Do(method, a2+path, body); r.Status != http.StatusOK {
				t.Errorf("%s: %d %s", path, r.Status, r.Body)
				return
			}
		}
	}
	for range 2 {
		readers.Go(func() { read(get, "metrics/get-history?metric_key=long&max_results=25000&run_id="+history, nil) })
		readers.Go(func() {
			read(post, "runs/search", object{"experiment_ids": []string{"0"}, "filter": "params.p LIKE '%1%' AND metrics.m >= 0", "order_by": []string{"metrics.m DESC"}, "max_results": 1000})
		})
	}

	const writers, rounds = 50, 8
	var runs [writers][]string
	together(writers, func(i int) {
		write := func(path string, body object) object {
			r := p.Do(post, a2+path, body)
			if r.Status != http.StatusOK {
				t.Errorf("%s: %d %s", path, r.Status, r.Body)
				return nil
			}
			return r.JSON(t)
		}
		for round := range rounds {
			made := write("runs/create", object{"experiment_id": "0", "start_time": 1})
			if made == nil {
				return
			}
			id := made["run"].(object)["info"].(object)["run_id"].(string)
			write("runs/log-metric", object{"run_id": id, "key": "m", "value": i, "timestamp": 1})
			write("runs/log-parameter", object{"run_id": id, "key": "p", "value": fmt.Sprint(round)})
			write("runs/log-batch", object{"run_id": id, "metrics": points[:20], "tags": []object{{"key": "t", "value": "v"}}})
			write("model-versions/create", object{"name": "m", "source": "s3://elsewhere/x"})
			runs[i] = append(runs[i], id)
		}
	})
	close(done)
	readers.Wait()
	for _, line := range p.Logged() {
		require.NotContains(t, line, "locked")
		require.NotContains(t, strings.ToLower(line), "sqlite_busy")
	}
	p.Kill()

	p = world.StartProcess(t, dir, "--backend-store-uri", uri)
	m = mlflow{p.World, t}
	for i := range runs {
		require.Len(t, runs[i], rounds)
		for round, id := range runs[i] {
			metrics, params, tags := m.data(id)
			require.Equal(t, float64(i), metrics["m"])
			require.Contains(t, metrics, "long")
			require.Equal(t, object{"p": fmt.Sprint(round)}, params)
			require.Equal(t, "v", tags["t"])
		}
	}
	require.Equal(t, fmt.Sprint(writers*rounds+1), register(p.World, "m"))
}

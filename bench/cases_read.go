package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
)

const (
	historyPoints = 100_000
	fewRuns       = 2_000
	manyRuns      = 100_000
)

func readCases() []benchCase {
	return []benchCase{
		{name: "get-run", title: "get a run", goal: goal{35, 35, 2}, prepare: getRun},
		{
			name: "history", title: "history of 100,000 points, all pages", goal: goal{40, 40, 6},
			clients: 1, most: 1, prepare: history,
		},
		{
			name: "search", title: "search runs, first 100 of 2,000", goal: goal{15, 12, 5},
			prepare: func(ctx context.Context, t *target) (op, error) { return searchRuns(ctx, t, fewRuns, "p0") },
		},
		{
			name: "search-many", title: "search runs, first 100 of 100,000", only: []string{"slipway"},
			prepare: func(ctx context.Context, t *target) (op, error) { return searchRuns(ctx, t, manyRuns, "p2") },
		},
		{
			name: "pages", title: "page through 2,000 runs by 1,000", goal: goal{15, 20, 0},
			clients: 1, most: 1, prepare: pageRuns,
		},
	}
}

func getRun(_ context.Context, t *target) (op, error) {
	experiment, err := t.experiment()
	if err != nil {
		return nil, err
	}
	c := t.connections(1)[0]
	run, _, err := runOf(c, experiment)
	if err != nil {
		return nil, err
	}
	text := append([]byte(`{"run_id":"`+run+`","params":[{"key":"a","value":"b"}],`), appendMetrics(nil, 20, 1, numbered("m", 20))...)
	_, err = c.post("runs/log-batch", append(text, '}'))
	return func(c *conn, _ int, _ int64) error {
		answer, err := c.get(mlflowAPI + "runs/get?run_id=" + run)
		if err == nil && !bytes.Contains(answer, []byte("m19")) {
			err = fmt.Errorf("the run lacks a metric: %.100s", answer)
		}
		return err
	}, err
}

func history(ctx context.Context, t *target) (op, error) {
	experiment, err := t.experiment()
	if err != nil {
		return nil, err
	}
	run, _, err := runOf(t.connections(1)[0], experiment)
	if err != nil {
		return nil, err
	}
	name := func(int) string { return "long" }
	err = t.parallel(ctx, 4, historyPoints/1000, func(c *conn, i int) error {
		text := append([]byte(`{"run_id":"`+run+`",`), appendMetrics(nil, 1000, int64(i), name)...)
		_, err := c.post("runs/log-batch", append(text, '}'))
		return err
	})
	return func(c *conn, _ int, _ int64) error {
		points, token := 0, ""
		for {
			path := mlflowAPI + "metrics/get-history?run_id=" + run + "&metric_key=long&max_results=25000"
			if token != "" {
				path += "&page_token=" + url.QueryEscape(token)
			}
			page, err := c.get(path)
			if err != nil {
				return err
			}
			points += bytes.Count(page, []byte(`"timestamp"`))
			if token = nextToken(page); token == "" {
				break
			}
		}
		if points != historyPoints {
			return fmt.Errorf("the history has %d points of %d", points, historyPoints)
		}
		return nil
	}, err
}

// seeded gives an experiment of n runs, each with ten metrics, five params
// (p0 keeps a quarter of them, p1 a twentieth, p2 a hundredth) and three tags.
func (t *target) seeded(ctx context.Context, n int) (string, error) {
	return t.remember(fmt.Sprintf("seeded-%d", n), func() (string, error) {
		experiment, err := experimentOf(t.connections(1)[0], "search")
		if err != nil {
			return "", err
		}
		name := numbered("m", 10)
		return experiment, t.parallel(ctx, 8, n, func(c *conn, i int) error {
			run, _, err := runOf(c, experiment)
			if err != nil {
				return err
			}
			text := append([]byte(`{"run_id":"`+run+`",`), appendMetrics(nil, 10, int64(i), name)...)
			text = fmt.Appendf(text, `,"params":[{"key":"p0","value":"%d"},{"key":"p1","value":"%d"},{"key":"p2","value":"%d"},`+
				`{"key":"p3","value":"a"},{"key":"p4","value":"b"}],"tags":[{"key":"t1","value":"%d"},{"key":"t2","value":"x"},{"key":"t3","value":"y"}]}`,
				i%4, i%20, i%100, i%7)
			_, err = c.post("runs/log-batch", text)
			return err
		})
	})
}

func searchRuns(ctx context.Context, t *target, n int, param string) (op, error) {
	experiment, err := t.seeded(ctx, n)
	body := []byte(`{"experiment_ids":["` + experiment + `"],"filter":"metrics.m1 > 0.5 and params.` + param +
		` = '3'","order_by":["metrics.m2 DESC"],"max_results":100}`)
	return func(c *conn, _ int, _ int64) error {
		page, err := c.post("runs/search", body)
		if found := bytes.Count(page, []byte(`"lifecycle_stage"`)); err == nil && found != 100 {
			return fmt.Errorf("the search gave %d runs, not 100", found)
		}
		return err
	}, err
}

func pageRuns(ctx context.Context, t *target) (op, error) {
	experiment, err := t.seeded(ctx, fewRuns)
	return func(c *conn, _ int, _ int64) error {
		found, token := 0, ""
		for {
			page, err := c.post("runs/search", fmt.Appendf(nil, `{"experiment_ids":[%q],"max_results":1000,"page_token":%q}`, experiment, token))
			if err != nil {
				return err
			}
			found += bytes.Count(page, []byte(`"lifecycle_stage"`))
			if token = nextToken(page); token == "" {
				break
			}
		}
		if found != fewRuns {
			return fmt.Errorf("the pages gave %d runs of %d", found, fewRuns)
		}
		return nil
	}, err
}

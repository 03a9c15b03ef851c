package main

import (
	"context"
	"fmt"
	"time"
)

const (
	largeFile = 1 << 30
	smallFile = 16 << 10
)

func artifactCases() []benchCase {
	all := []string{"slipway", "mlflow", "files"}
	large := benchCase{unit: "MiB/s", scale: largeFile >> 20, clients: 1, most: 1, only: all}
	up, down := large, large
	up.name, up.title, up.goal = "upload-1g", "artifact of 1 GiB up", goal{2, 2, 0}
	up.prepare = func(_ context.Context, t *target) (op, error) {
		return func(c *conn, _ int, _ int64) error { return c.upload(t.artifacts+"bench/large", largeFile) }, nil
	}
	down.name, down.title, down.goal = "download-1g", "artifact of 1 GiB down", goal{5, 5, 0}
	down.prepare = func(_ context.Context, t *target) (op, error) {
		return func(c *conn, _ int, _ int64) error { return c.download(t.artifacts+"bench/large", largeFile) },
			ifAbsent(t, "bench/large", largeFile)
	}
	return []benchCase{
		up, down,
		{
			name: "upload-16k", title: "artifact of 16 KiB up", goal: goal{8, 6, 0}, only: all,
			prepare: func(_ context.Context, t *target) (op, error) {
				folder := fmt.Sprintf("%sbench/%d/", t.artifacts, time.Now().UnixNano())
				return func(c *conn, _ int, i int64) error {
					return c.upload(fmt.Sprintf("%s%d/%d", folder, i%100, i), smallFile)
				}, nil
			},
		},
		{
			name: "download-16k", title: "artifact of 16 KiB down", goal: goal{25, 25, 0}, only: all,
			prepare: func(_ context.Context, t *target) (op, error) {
				return func(c *conn, _ int, _ int64) error {
					answer, err := c.get(t.artifacts + "bench/small")
					if err == nil && len(answer) != smallFile {
						err = fmt.Errorf("the download gave %d bytes", len(answer))
					}
					return err
				}, t.connections(1)[0].upload(t.artifacts+"bench/small", smallFile)
			},
		},
	}
}

// ifAbsent uploads a file unless it is there.
func ifAbsent(t *target, path string, length int64) error {
	c := t.connections(1)[0]
	if c.download(t.artifacts+path, length) == nil {
		return nil
	}
	return c.upload(t.artifacts+path, length)
}

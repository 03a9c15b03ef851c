package main

import (
	"context"
	"net/http"
	"time"
)

// probe asks a server for its health and gives the exit code that tells it. A
// container's health check runs it: an image has no other program.
func probe(url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody) //nolint:gosec // the image names it
	if err != nil {
		return exitFailed
	}
	res, err := http.DefaultClient.Do(req) //nolint:gosec // as above
	if err != nil {
		return exitFailed
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return exitFailed
	}
	return 0
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

type result struct {
	perSecond float64
	p99       time.Duration
	failed    int64
}

// load calls one from all clients for the span and counts. A call that failed
// is told and not counted (a busy mlflow server restarts its workers); a client
// that sees nothing else ends it.
func (b *bench) load(ctx context.Context, one func(ctx context.Context, client int) error) (result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	took := make([][]time.Duration, b.clients)
	var failed atomic.Int64
	var clients sync.WaitGroup
	for client := range b.clients {
		clients.Go(func() {
			for inARow := 0; time.Since(start) < b.span && ctx.Err() == nil; {
				began := time.Now()
				if err := one(ctx, client); err != nil {
					failed.Add(1)
					if inARow++; inARow == 5 {
						cancel(err)
					}
					continue
				}
				inARow = 0
				took[client] = append(took[client], time.Since(began))
			}
		})
	}
	clients.Wait()
	if err := context.Cause(ctx); err != nil {
		return result{}, err
	}
	all := slices.Concat(took...)
	if len(all) == 0 {
		return result{}, errors.New("no call was answered")
	}
	slices.Sort(all)
	return result{
		perSecond: float64(len(all)) / time.Since(start).Seconds(), p99: all[len(all)*99/100], failed: failed.Load(),
	}, nil
}

var asJSON = http.Header{"Content-Type": {"application/json"}}

var client = &http.Client{
	Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	Timeout:   2 * time.Minute,
}

// call sends one request and wants a 200.
func call(ctx context.Context, method, url string, header http.Header, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d %.300s", method, url, answer.StatusCode, text)
	}
	return nil
}

// row is one case of slipway-serve: ours beside the other's.
type row struct {
	name         string
	ours, theirs result
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

type result struct {
	perSecond float64
	p99       time.Duration
}

// load calls one from all clients for the span and counts. Any error ends it:
// a server that fails is not measured.
func (b *bench) load(ctx context.Context, one func(ctx context.Context, client int) error) (result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	took := make([][]time.Duration, b.clients)
	var clients sync.WaitGroup
	for client := range b.clients {
		clients.Go(func() {
			for time.Since(start) < b.span && ctx.Err() == nil {
				began := time.Now()
				if err := one(ctx, client); err != nil {
					cancel(err)
					return
				}
				took[client] = append(took[client], time.Since(began))
			}
		})
	}
	clients.Wait()
	if err := context.Cause(ctx); err != nil {
		return result{}, err
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return result{perSecond: float64(len(all)) / time.Since(start).Seconds(), p99: all[len(all)*99/100]}, nil
}

var client = &http.Client{
	Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	Timeout:   2 * time.Minute,
}

// call sends one request and gives the body of a 200.
func call(ctx context.Context, method, url string, header http.Header, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %d %.300s", method, url, answer.StatusCode, text)
	}
	return text, nil
}

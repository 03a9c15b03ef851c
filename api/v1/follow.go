package v1

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
)

const (
	pollEvery  = 200 * time.Millisecond // how soon a follower sees a change
	aliveEvery = 15 * time.Second       // comments that keep a silent stream open
	maxWait    = 10 * time.Minute
)

// whileUp ends a request with the server, as with its caller.
func (common Common) whileUp(handle func(*gin.Context) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		ctx, cancel := context.WithCancel(c.Request.Context())
		defer cancel()
		defer context.AfterFunc(common.Up, cancel)()
		c.Request = c.Request.WithContext(ctx)
		return handle(c)
	}
}

// Read gives the present state of what is followed, and whether it has ended.
type Read[T any] func(ctx context.Context) (state T, ended bool, err error)

// Wait answers ?wait=: the state once it has ended, or after the time that wait
// tells ("" : at once).
func Wait[T any](ctx context.Context, wait string, read Read[T]) (T, error) {
	// A server that stops still tells the present state.
	state, ended, err := read(context.WithoutCancel(ctx))
	if wait == "" || ended || err != nil {
		return state, err
	}
	limit, err := time.ParseDuration(wait)
	if err != nil || limit > maxWait {
		return state, invalid(models.Detail{Field: "wait", Message: fmt.Sprintf("%q is not a time up to %s, such as 30s", wait, maxWait)})
	}
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done(): // the server stops, or the caller has gone
			return state, nil
		case <-deadline.C:
			return state, nil
		case <-tick.C:
			now, ended, err := read(ctx)
			if err != nil && ctx.Err() != nil {
				return state, nil
			}
			if state = now; ended || err != nil {
				return state, err
			}
		}
	}
}

// Emit writes one server-sent event, with data as JSON.
type Emit func(event string, data any) error

// Events answers /events: an event of this name with the state at the start and
// at each change, and "end" with the last one. more, where not nil, is asked at
// each look for events of its own, such as new lines of a log.
func Events[T any](ctx context.Context, name string, read Read[T], more func(context.Context, Emit) error) (EventStream, error) {
	state, ended, err := read(ctx)
	if err != nil {
		return EventStream{}, err
	}
	return EventStream{func(emit Emit, alive func() error) error {
		var last []byte
		poll, ping := time.NewTicker(pollEvery), time.NewTicker(aliveEvery)
		defer poll.Stop()
		defer ping.Stop()
		for {
			now, err := json.Marshal(state)
			if err != nil {
				return err
			}
			if !bytes.Equal(now, last) {
				if err := emit(name, json.RawMessage(now)); err != nil {
					return err
				}
				last = now
			}
			if more != nil {
				if err := more(ctx, emit); err != nil {
					return err
				}
			}
			if ended {
				return emit("end", json.RawMessage(now))
			}
			select {
			case <-ctx.Done():
				return nil // the server stops, or the follower has gone
			case <-ping.C:
				if err := alive(); err != nil {
					return err
				}
			case <-poll.C:
				if state, ended, err = read(ctx); err != nil {
					if ctx.Err() != nil {
						return nil
					}
					return err
				}
			}
		}
	}}, nil
}

// EventStream is the answer of every /events.
type EventStream struct {
	run func(emit Emit, alive func() error) error
}

func (s EventStream) answer(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w).Flush
	write := func(text string) error {
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		return flush()
	}
	return s.run(func(event string, data any) error {
		text, err := json.Marshal(data)
		if err != nil {
			return err
		}
		return write("event: " + event + "\ndata: " + string(text) + "\n\n")
	}, func() error { return write(": alive\n\n") })
}

// VisitGetValidationEventsResponse implements server.GetValidationEventsResponseObject.
func (s EventStream) VisitGetValidationEventsResponse(w http.ResponseWriter) error {
	return s.answer(w)
}

// VisitGetPromotionEventsResponse implements server.GetPromotionEventsResponseObject.
func (s EventStream) VisitGetPromotionEventsResponse(w http.ResponseWriter) error { return s.answer(w) }

// TextStream is a log as the answer, copied without being held in memory.
type TextStream struct{ io.Reader }

func (t TextStream) answer(w http.ResponseWriter) error {
	if c, ok := t.Reader.(io.Closer); ok {
		defer func() { _ = c.Close() }()
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, err := io.Copy(w, t.Reader)
	return err
}

// VisitGetValidationLogResponse implements server.GetValidationLogResponseObject.
func (t TextStream) VisitGetValidationLogResponse(w http.ResponseWriter) error { return t.answer(w) }

// VisitGetReleaseLogResponse implements server.GetReleaseLogResponseObject.
func (t TextStream) VisitGetReleaseLogResponse(w http.ResponseWriter) error { return t.answer(w) }

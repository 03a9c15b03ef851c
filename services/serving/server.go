package serving

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/slipway-ml/slipway/services/detection"
)

// Config is what a Server is made of.
type Config struct {
	Name, Version string // of the model, as its registry calls it
	Program       string // this program's version
	Runtime       string // and the runtime's, such as "onnxruntime 1.32.0"
	Info          Info
	Columns       []string // of the signature, in order; nil without one
	Runner        Runner
	Slots         int           // runs of the model at once
	MaxBody       int64         // bytes of a request
	Timeout       time.Duration // of a request, the wait for a slot included
	Registry      *prometheus.Registry
	Log           *slog.Logger
	Now           func() time.Time
}

// Server answers the requests of one model.
type Server struct {
	Config
	metrics  *metrics
	meta     detection.Meta
	metaErr  error
	told     atomic.Pointer[told] // the layout of a detector
	slots    chan struct{}
	draining atomic.Bool
}

// New makes a Server.
func New(c Config) *Server {
	s := &Server{Config: c, metrics: newMetrics(c.Registry, c.Name, c.Version), slots: make(chan struct{}, max(1, c.Slots))}
	s.meta, s.metaErr = detection.ParseMeta(c.Info.Metadata)
	return s
}

// Drain makes /health and the readiness of the model say no, so that no new
// request is sent here while the last ones are answered.
func (s *Server) Drain() { s.draining.Store(true) }

// Handler routes requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /health", s.plain(s.health))
	mux.Handle("GET /ping", s.plain(s.health))
	mux.Handle("GET /version", s.plain(s.version))
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{}))
	mux.Handle("POST /invocations", s.measured("invocations", s.invocations))
	mux.Handle("POST /detect", s.measured("detect", s.detect))
	s.routeOIP(mux)
	mux.Handle("/", s.plain(func(_ http.ResponseWriter, r *http.Request) error {
		return &fault{status: http.StatusNotFound, code: "ENDPOINT_NOT_FOUND", message: r.Method + " " + r.URL.Path + " is no route of slipway-serve"}
	}))
	return mux
}

type handler func(http.ResponseWriter, *http.Request) error

// plain answers a handler's error, and that is all.
func (s *Server) plain(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			_ = s.fail(w, r, err)
		}
	})
}

// measured bounds the body and the time of a request and counts it.
func (s *Server) measured(route string, h handler) http.Handler {
	inFlight, latency := s.metrics.inFlight.WithLabelValues(route), s.metrics.latency.WithLabelValues(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, status := s.Now(), http.StatusInternalServerError // unless it ends in order
		inFlight.Inc()
		defer func() {
			inFlight.Dec()
			latency.Observe(s.Now().Sub(start).Seconds())
			s.metrics.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
		}()
		ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
		defer cancel()
		_ = http.NewResponseController(w).SetReadDeadline(start.Add(s.Timeout))
		r.Body = http.MaxBytesReader(w, r.Body, s.MaxBody)
		err := h(w, r.WithContext(ctx))
		if err == nil {
			status = http.StatusOK
			return
		}
		f := s.fail(w, r, err)
		if status = f.status; status >= http.StatusInternalServerError {
			s.metrics.errors.WithLabelValues(route, f.code).Inc()
		}
	})
}

// fail answers an error. The model's own words are shown: whoever calls a model
// has to be able to mend it.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) *fault {
	f := faultOf(err)
	message := f.message
	if f.status >= http.StatusInternalServerError {
		s.Log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error_code", f.code, "error", f.Error())
		if f.code == codeModelFailed {
			message = f.Error()
		}
	}
	reply(w, f.status, map[string]string{"error_code": f.code, "message": message, "error": message})
	return f
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller may have gone
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	if s.draining.Load() {
		return &fault{status: http.StatusServiceUnavailable, code: "TEMPORARILY_UNAVAILABLE", message: "shutting down"}
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) error {
	reply(w, http.StatusOK, map[string]any{
		"name": "slipway-serve", "version": s.Program, "runtime": s.Runtime,
		"model": map[string]any{
			"name": s.Name, "version": s.Version, "ir_version": s.Info.IRVersion, "opsets": s.Info.Opsets, "metadata": s.Info.Metadata,
		},
	})
	return nil
}

// readBody reads a request's body of one of the content types.
func readBody(w http.ResponseWriter, r *http.Request, types ...string) ([]byte, error) {
	if len(types) > 0 {
		got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		ok := false
		for _, t := range types {
			ok = ok || err == nil && got == t
		}
		if !ok {
			return nil, &fault{status: http.StatusUnsupportedMediaType, code: "UNSUPPORTED_MEDIA_TYPE", message: fmt.Sprintf(
				"Content-Type %q: this route takes %s", r.Header.Get("Content-Type"), types[0])}
		}
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return nil, &fault{status: http.StatusUnsupportedMediaType, code: "UNSUPPORTED_MEDIA_TYPE", message: fmt.Sprintf(
			"Content-Encoding %q: send the body as it is", e)}
	}
	var body bytes.Buffer
	const trust = 4 << 20 // of a length that is only promised
	body.Grow(int(min(max(r.ContentLength, 0), trust)) + bytes.MinRead)
	if _, err := body.ReadFrom(r.Body); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, err
		}
		return nil, &fault{status: http.StatusBadRequest, code: codeInvalid, message: "the body did not arrive whole", cause: err}
	}
	// The body's deadline would pass for a caller who hangs up while the model runs.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body.Bytes(), nil
}

// run runs the model, a few at a time. The inputs have been checked: whatever
// goes wrong is the model's, whichever code the runtime gives it.
func (s *Server) run(ctx context.Context, inputs []Tensor) ([]Tensor, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
		return nil, &fault{status: http.StatusServiceUnavailable, code: "TEMPORARILY_UNAVAILABLE", message: fmt.Sprintf(
			"no turn within %v: too many requests at once", s.Timeout)}
	}
	start := s.Now()
	outputs, err := s.Runner.Run(ctx, inputs)
	s.metrics.runs.Observe(s.Now().Sub(start).Seconds())
	switch {
	case err == nil:
		return outputs, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, ctx.Err()
	case ctx.Err() != nil:
		s.metrics.failures.Inc()
		return nil, &fault{status: http.StatusGatewayTimeout, code: codeTimeout, message: fmt.Sprintf("the model took longer than %v", s.Timeout), cause: err}
	}
	s.metrics.failures.Inc()
	return nil, &fault{status: http.StatusInternalServerError, code: codeModelFailed, message: "the model failed", cause: err}
}

// Package middleware holds what every request passes through: its id, its
// principal, the log, the metrics, the check of Host and Origin, recovery.
package middleware

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/api/reply"
	"github.com/slipway-ml/slipway/models"
)

// Identify gives a request its id and its principal: an anonymous owner, until
// sign-in exists.
func Identify() gin.HandlerFunc {
	return func(c *gin.Context) {
		id := c.GetHeader(reply.RequestID)
		if id == "" || len(id) > 64 {
			id = reply.NewRequestID()
			c.Request.Header.Set(reply.RequestID, id)
		}
		c.Header(reply.RequestID, id)
		who := models.Anonymous
		who.From = c.Request.RemoteAddr
		c.Request = c.Request.WithContext(models.WithPrincipal(c.Request.Context(), who))
	}
}

// Recover answers a panic with 500 and logs its stack. A handler that breaks
// the connection on purpose (http.ErrAbortHandler) goes on breaking it.
func Recover(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			r := recover()
			if r == nil {
				return
			}
			if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(r)
			}
			log.ErrorContext(c.Request.Context(), "panic in a handler", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			reply.Error(c, fmt.Errorf("panic: %v", r))
		}()
		c.Next()
	}
}

// Measure counts and times requests by route template, so that unknown paths
// add one series only, and logs those that failed. traceID, where not nil, names
// the trace of a request for its exemplar.
func Measure(reg prometheus.Registerer, log *slog.Logger, traceID func(context.Context) string) (gin.HandlerFunc, error) {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "slipway_http_request_duration_seconds", Help: "Time to answer a request, by method, route and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
	}, []string{"method", "route", "code"})
	inFlight := prometheus.NewGauge(prometheus.GaugeOpts{Name: "slipway_http_in_flight_requests", Help: "Requests being answered."})
	for _, c := range []prometheus.Collector{duration, inFlight} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return func(c *gin.Context) {
		inFlight.Inc()
		defer inFlight.Dec()
		start := time.Now() //nolint:forbidigo // a duration, not a rule
		c.Next()
		took := time.Since(start)
		route, status := c.FullPath(), c.Writer.Status()
		if route == "" {
			route = "none"
		}
		observer := duration.WithLabelValues(method(c.Request.Method), route, strconv.Itoa(status))
		if id := traceOf(c, traceID); id != "" {
			observer.(prometheus.ExemplarObserver).ObserveWithExemplar(took.Seconds(), prometheus.Labels{"trace_id": id})
		} else {
			observer.Observe(took.Seconds())
		}
		if status >= http.StatusInternalServerError {
			log.WarnContext(c.Request.Context(), "request failed", "method", c.Request.Method, "route", route, "status", status,
				"request_id", c.GetHeader(reply.RequestID), "seconds", took.Seconds())
		}
	}, nil
}

func traceOf(c *gin.Context, traceID func(context.Context) string) string {
	if traceID == nil {
		return ""
	}
	return traceID(c.Request.Context())
}

// method bounds a label that the caller chooses.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

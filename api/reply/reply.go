// Package reply answers requests: Handle is the one place that turns a
// handler's error into a status, and errors.go holds the one table.
package reply

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
)

// Body is the shape of every error, MLflow's and ours.
type Body struct {
	Code    string          `json:"error_code"`
	Message string          `json:"message"`
	Details []models.Detail `json:"details,omitempty"`
}

// Handle makes a gin handler of one that returns its error.
func Handle(h func(*gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			Error(c, err)
		}
	}
}

// Error answers a request with an error. Once a body has begun nothing can be
// answered, so the connection breaks: a cut stream never looks whole.
func Error(c *gin.Context, err error) {
	status, body := Of(c.Request.Context(), c.GetHeader(RequestID), err)
	if c.Writer.Written() {
		slog.WarnContext(c.Request.Context(), "answer broken off", "error", err, "path", c.FullPath())
		panic(http.ErrAbortHandler)
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		c.Header("Retry-After", "1")
	}
	c.AbortWithStatusJSON(status, body)
}

// RequestID is the header that carries a request's id, made where it is absent.
const RequestID = "X-Request-Id"

// NewRequestID makes a request id.
func NewRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Of gives the status and body of an error. Below 500 the caller reads its
// message; from 500 up a fixed sentence with the request id, and the log has
// the rest.
func Of(ctx context.Context, requestID string, err error) (int, Body) {
	var e *models.Error
	if !errors.As(err, &e) {
		e = translate(ctx, err)
	}
	row := table[e.Kind]
	if row.status < http.StatusInternalServerError || e.Kind == models.KindUnavailable || e.Kind == models.KindUnsupported || e.Kind == models.KindFull {
		if e.Err != nil {
			slog.InfoContext(ctx, "request refused", "kind", string(e.Kind), "error", err, "request_id", requestID)
		}
		return row.status, Body{Code: row.code, Message: e.Message, Details: e.Details}
	}
	slog.ErrorContext(ctx, "request failed", "error", err, "request_id", requestID)
	return row.status, Body{Code: row.code, Message: "Internal error. The server's log has the cause under request id " + requestID + "."}
}

// translate gives a kind to errors that the transport itself makes.
func translate(ctx context.Context, err error) *models.Error {
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		return models.Errorf(models.KindTooLarge, "the body is larger than %d bytes, the limit here", big.Limit)
	case errors.Is(err, context.Canceled), errors.Is(ctx.Err(), context.Canceled):
		return models.Errorf(models.KindUnavailable, "the caller has gone").Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return models.Errorf(models.KindUnavailable, "the request took longer than its deadline; try again").Because(err)
	}
	return models.Errorf(models.KindInternal, "internal error").Because(err)
}

package v1

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/idempotency"
)

// Once does requests that carry an Idempotency-Key once.
type Once interface {
	Once(ctx context.Context, c models.Claim, do func(context.Context) idempotency.Answer) (answer idempotency.Answer, again bool, err error)
}

// keyHeader is the header that asks for it, and replayedHeader tells that the
// answer is an earlier one.
const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
)

// once wraps an operation that the document gives an Idempotency-Key.
func once(store Once, handle func(*gin.Context) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		key := c.GetHeader(keyHeader)
		if key == "" {
			return handle(c)
		}
		claim, err := claimOf(c, key)
		if err != nil {
			return err
		}
		held := &heldWriter{ResponseWriter: c.Writer, status: http.StatusOK}
		var failed error
		answer, again, err := store.Once(c.Request.Context(), claim, func(ctx context.Context) idempotency.Answer {
			request, writer := c.Request, c.Writer
			c.Request, c.Writer = c.Request.WithContext(ctx), held
			defer func() { c.Request, c.Writer = request, writer }()
			if failed = handle(c); failed != nil {
				return idempotency.Answer{Status: http.StatusInternalServerError}
			}
			return idempotency.Answer{Status: held.status, Body: held.body.Bytes()}
		})
		if failed != nil {
			return failed
		}
		if err != nil {
			return err
		}
		if again {
			c.Header(replayedHeader, "true")
			c.Header("Content-Type", "application/json")
		}
		c.Writer.WriteHeader(answer.Status)
		_, err = c.Writer.Write(answer.Body)
		return err
	}
}

// claimOf reads the body to name the request, and puts it back.
func claimOf(c *gin.Context, key string) (models.Claim, error) {
	body, err := io.ReadAll(c.Request.Body)
	if err != nil {
		return models.Claim{}, err
	}
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	sum := sha256.New()
	_, _ = io.WriteString(sum, c.Request.Method+" "+c.Request.URL.RequestURI()+"\n")
	_, _ = sum.Write(body)
	return models.Claim{Principal: models.PrincipalOf(c.Request.Context()).Name, Key: key, Request: hex.EncodeToString(sum.Sum(nil))}, nil
}

// heldWriter holds an answer back until it is kept: headers pass, the status
// and the body wait.
type heldWriter struct {
	gin.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *heldWriter) WriteHeader(status int)            { w.status = status }
func (w *heldWriter) WriteHeaderNow()                   {}
func (w *heldWriter) Write(p []byte) (int, error)       { return w.body.Write(p) }
func (w *heldWriter) WriteString(s string) (int, error) { return w.body.WriteString(s) }
func (w *heldWriter) Status() int                       { return w.status }
func (w *heldWriter) Written() bool                     { return false }
func (w *heldWriter) Size() int                         { return w.body.Len() }

package s3

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// How long a store may be silent where Options say nothing else, and how long
// where it copies, during which it says nothing.
const (
	defaultTimeout = 30 * time.Second
	copyTimeout    = 10 * time.Minute
	maxBackoff     = 5 * time.Second
)

// transport makes connections that break when nothing passes for a while, in
// either direction: a transfer may last for ever, a silence may not.
func transport(silence time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, silence)
			defer cancel()
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return conn{c, silence}, nil
		}
		t.TLSHandshakeTimeout = silence
	})
}

// conn is a connection whose deadline moves with what passes, so that who waits
// for an answer while a body is still being sent goes on waiting.
type conn struct {
	net.Conn
	silence time.Duration
}

func (c conn) alive() {
	_ = c.SetDeadline(time.Now().Add(c.silence)) //nolint:forbidigo // the kernel's clock, no rule
}

// Read implements net.Conn.
func (c conn) Read(p []byte) (int, error) {
	c.alive()
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c conn) Write(p []byte) (int, error) {
	c.alive()
	return c.Conn.Write(p)
}

// retryer is the SDK's, counted; a silence is tried once more and not as often
// as an answer, since each costs its whole time.
type retryer struct {
	aws.RetryerV2
	count func(reason string)
}

func newRetryer(retries int, count func(reason string)) aws.Retryer {
	if count == nil {
		count = func(string) {}
	}
	return retryer{retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = retries+1, maxBackoff
	}), count}
}

// RetryDelay implements aws.Retryer.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	why := reason(err)
	if why == reasonTimeout && attempt > 1 {
		return 0, err
	}
	r.count(why)
	return r.RetryerV2.RetryDelay(attempt, err)
}

// Why a request is sent again.
const (
	reasonThrottled  = "throttled"
	reasonServer     = "server"
	reasonTimeout    = "timeout"
	reasonConnection = "connection"
	reasonResumed    = "resumed" // a download, where it broke
)

func reason(err error) string {
	var late net.Error
	var api smithy.APIError
	var answer *smithyhttp.ResponseError
	switch {
	case errors.As(err, &late) && late.Timeout():
		return reasonTimeout
	case errors.As(err, &answer) && (answer.HTTPStatusCode() == http.StatusServiceUnavailable || answer.HTTPStatusCode() == http.StatusTooManyRequests):
		return reasonThrottled
	case errors.As(err, &api):
		return reasonServer
	}
	return reasonConnection
}

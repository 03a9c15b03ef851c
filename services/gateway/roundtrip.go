package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/models"
)

// errUnreachable marks a release none of whose instances took the request.
var errUnreachable = errors.New("no instance could be reached")

// roundTripper sends a request to an instance, and to another one as long as
// not a byte of it was sent on.
type roundTripper struct{ gateway *Gateway }

func (rt roundTripper) RoundTrip(out *http.Request) (*http.Response, error) {
	c := callOf(out.Context())
	var tried []*instance
	for {
		in := c.at.leastBusy(c.pick, tried)
		if in == nil {
			if c.fallBack() {
				continue
			}
			return nil, models.Errorf(models.KindUnavailable, "release %d of model %q has no instance that answers; it is being restarted",
				c.at.release.number, c.to.model).Because(errUnreachable)
		}
		if in.inFlight.Add(1) > rt.gateway.cfg.MaxInFlight {
			in.inFlight.Add(-1) // the least busy one is full, so all are
			return nil, models.Errorf(models.KindLimited, "release %d of model %q has %d requests in flight on each instance, its limit",
				c.at.release.number, c.to.model, rt.gateway.cfg.MaxInFlight)
		}
		resp, sent, err := rt.try(out, in)
		if err == nil {
			c.on = in
			return resp, nil
		}
		if sent || out.Context().Err() != nil || !c.body.rewind() {
			c.on = in
			return nil, err
		}
		in.inFlight.Add(-1)
		tried = append(tried, in)
	}
}

// try sends a request to one instance; sent tells whether a byte of it left.
func (rt roundTripper) try(out *http.Request, in *instance) (resp *http.Response, sent bool, err error) {
	var conn *countedConn
	var before int64
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if conn, _ = info.Conn.(*countedConn); conn != nil {
			before = conn.written.Load()
		}
	}}
	req, to := out.WithContext(httptrace.WithClientTrace(out.Context(), trace)), *out.URL
	to.Host = in.address
	req.URL = &to
	if c := callOf(out.Context()); c.body.from != nil {
		req.Body = &c.body // not the proxy's wrapping, which a first try closes
	}
	resp, err = rt.gateway.send.RoundTrip(req)
	return resp, conn != nil && conn.written.Load() > before, err
}

// countedConn counts what was written to it.
type countedConn struct {
	net.Conn
	written atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		MaxIdleConnsPerHost: 256, IdleConnTimeout: 20 * time.Second, // before an instance closes them
		DisableCompression: true, // bytes pass as they are
		WriteBufferSize:    32 << 10, ReadBufferSize: 32 << 10,
	}
}

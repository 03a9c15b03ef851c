package gateway

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/models"
)

// Config is what a Gateway needs; zero fields take the defaults.
type Config struct {
	MaxBody     int64         // bytes of a request, 64 MiB
	Timeout     time.Duration // of a request to a release that pins none, 60 s
	MaxInFlight int64         // requests on one instance, 256; beyond it 429
	Warmup      int64         // first requests of an instance that no analysis counts, 5
	Now         func() time.Time
	Log         *slog.Logger
	Metrics     prometheus.Registerer

	// Send wraps what sends requests to instances; TraceID names the trace of a
	// request, for exemplars. Either may be nil.
	Send    func(http.RoundTripper) http.RoundTripper
	TraceID func(context.Context) string
}

// Gateway forwards requests. Its methods may be called concurrently.
type Gateway struct {
	cfg       Config
	metrics   *metrics
	transport *http.Transport
	send      http.RoundTripper // the transport, or what wraps it
	proxy     *httputil.ReverseProxy
	table     atomic.Pointer[table]

	mu      sync.Mutex // guards what follows; never taken by a request
	places  map[key]*place
	leaving []*release // out of the table, still in the metrics
}

// New makes a Gateway with an empty table.
func New(cfg Config) (*Gateway, error) {
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 64 << 20
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = 256
	}
	if cfg.Warmup == 0 {
		cfg.Warmup = 5
	}
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // the default of an injected clock
	}
	m, err := newMetrics(cfg.Metrics)
	if err != nil {
		return nil, err
	}
	g := &Gateway{cfg: cfg, metrics: m, transport: newTransport(), places: map[key]*place{}}
	g.send = g.transport
	if cfg.Send != nil {
		g.send = cfg.Send(g.transport)
	}
	g.table.Store(&table{})
	g.proxy = &httputil.ReverseProxy{
		Rewrite:        rewrite,
		Transport:      roundTripper{g},
		ModifyResponse: answered,
		ErrorHandler:   func(_ http.ResponseWriter, r *http.Request, err error) { callOf(r.Context()).err = err },
		ErrorLog:       slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug),
	}
	return g, nil
}

// Close ends the idle connections to instances.
func (g *Gateway) Close() { g.transport.CloseIdleConnections() }

// Serve answers a request to /serve/{model}/{environment}/…. The error it
// returns is for the caller, and nothing of an answer has been written then.
func (g *Gateway) Serve(w http.ResponseWriter, r *http.Request) error {
	to, err := parsePath(r.URL)
	if err != nil {
		return err
	}
	rt := (*g.table.Load())[key{to.model, to.environment}]
	if rt == nil {
		g.metrics.unrouted.Inc()
		return models.Errorf(models.KindNotFound, "no release of model %q runs in an environment %q: GET /api/v1/models/%s/environments lists them",
			to.model, to.environment, to.model)
	}
	if r.ContentLength > g.cfg.MaxBody {
		return models.Errorf(models.KindTooLarge, "the body of %d bytes is larger than %d, the limit here", r.ContentLength, g.cfg.MaxBody)
	}
	return g.forward(w, r, rt, to)
}

func (g *Gateway) forward(w http.ResponseWriter, r *http.Request, rt *route, to destination) error {
	c := &call{gateway: g, route: rt, to: to, writer: w, pick: rand.Uint64(), began: g.cfg.Now()} //nolint:gosec // traffic, not secrets
	if k := r.Header.Get("X-Slipway-Key"); k != "" {
		c.pick = hash(to.model, to.environment, k)
	}
	if err := c.choose(); err != nil {
		return err
	}
	defer c.end()
	timeout := c.at.timeout
	if timeout == 0 {
		timeout = g.cfg.Timeout
	}
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), callKey{}, c), timeout)
	defer cancel()
	c.client = r.Context()
	out := r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		c.body.from = http.MaxBytesReader(w, r.Body, g.cfg.MaxBody)
		out.Body = &c.body
	}
	g.proxy.ServeHTTP(w, out)
	if err := c.refusal(timeout); err != nil {
		w.Header().Set(releaseHeader, c.at.release.name)
		return err
	}
	return nil
}

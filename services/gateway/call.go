package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/models"
)

// call is one request on its way.
type call struct {
	gateway *Gateway
	route   *route
	to      destination
	pick    uint64
	client  context.Context
	writer  http.ResponseWriter
	began   time.Time

	at     *share    // where it is; its release is counted as in flight
	on     *instance // nil until one took it
	body   trackedBody
	status int   // of the instance's answer; 0 for none
	err    error // why there is no answer
	broken bool  // the instance broke its answer off
}

type callKey struct{}

func callOf(ctx context.Context) *call { return ctx.Value(callKey{}).(*call) }

// choose picks the release. One that leaves the table at this moment is not
// taken: the newer table has another.
func (c *call) choose() error {
	for {
		if c.to.release == 0 {
			c.at = c.route.byWeight(c.pick)
		} else {
			c.at = c.route.byNumber(c.to.release)
		}
		switch {
		case c.at == nil && c.to.release != 0:
			return models.Errorf(models.KindNotFound, "release %d of model %q does not run in %q", c.to.release, c.to.model, c.to.environment)
		case c.at == nil:
			return models.Errorf(models.KindUnavailable, "no release of model %q takes the traffic of %q yet", c.to.model, c.to.environment)
		case c.at.take():
			c.at.release.series.inFlight.Inc()
			return nil
		}
		if c.route = (*c.gateway.table.Load())[key{c.to.model, c.to.environment}]; c.route == nil {
			return models.Errorf(models.KindNotFound, "no release of model %q runs in %q any more", c.to.model, c.to.environment)
		}
	}
}

// fallBack moves a request that was never sent on from a release none of whose
// instances can be reached to the stable one.
func (c *call) fallBack() bool {
	stable := c.route.stable()
	if c.to.release != 0 || stable == nil || stable == c.at || !stable.take() {
		return false
	}
	c.count(c.at, true)
	c.leave()
	c.at = stable
	stable.release.series.inFlight.Inc()
	return true
}

func (c *call) leave() {
	c.at.release.series.inFlight.Dec()
	c.at.release.inFlight.Add(-1)
}

// timed observes how long it took, with its trace as the exemplar.
func (c *call) timed(seconds prometheus.Observer) {
	took := c.gateway.cfg.Now().Sub(c.began).Seconds()
	if name := c.gateway.cfg.TraceID; name != nil {
		if id := name(c.client); id != "" {
			seconds.(prometheus.ExemplarObserver).ObserveWithExemplar(took, prometheus.Labels{"trace_id": id})
			return
		}
	}
	seconds.Observe(took)
}

// end counts how it went. It runs when an answer is broken off, too.
func (c *call) end() {
	defer c.leave()
	c.body.end()
	if c.on != nil {
		defer c.on.inFlight.Add(-1)
	}
	s := c.at.release.series
	c.timed(s.seconds)
	switch {
	case c.failed():
		s.fives.Inc()
		c.count(c.at, true)
	case c.status == 0: // refused, or the caller left
		s.fours.Inc()
	case c.status >= 400:
		s.fours.Inc()
	default:
		s.twos.Inc()
		c.count(c.at, false)
	}
}

// failed tells whether the release is to blame: 5xx, or a connection that
// died. A caller that leaves, sends too much or too slowly is not its fault.
func (c *call) failed() bool {
	switch {
	case c.status >= 500:
		return true
	case c.client.Err() != nil:
		return false
	case c.broken:
		return true
	case c.err == nil:
		return false
	}
	return errors.Is(c.err, errUnreachable) || c.body.faultless() && !errors.As(c.err, new(*models.Error))
}

// count tells the analysis, but for the first requests of an instance, for
// those that asked for a release by number, and for those that came before its
// instances were started again with the server: its stop is not their fault.
func (c *call) count(s *share, failed bool) {
	s.release.answered.Add(1)
	if failed {
		s.release.failed.Add(1)
		s.release.series.failures.Inc()
	}
	if c.to.release != 0 || !s.release.ran.Load() || (c.on != nil && c.on.answered.Add(1) <= c.gateway.cfg.Warmup) {
		return
	}
	c.route.place.report(c.gateway.cfg.Now(), models.Outcome{Release: s.release.number, Failed: failed})
}

// refusal is the error for the caller where the proxy wrote no answer.
func (c *call) refusal(timeout time.Duration) error {
	var known *models.Error
	var big *http.MaxBytesError
	switch {
	case c.err == nil:
		return nil
	case errors.As(c.err, &known):
		return known
	case errors.As(c.body.fault(), &big):
		return c.body.fault()
	case c.client.Err() != nil:
		return c.client.Err()
	case errors.Is(c.err, context.DeadlineExceeded):
		return models.Errorf(models.KindUnavailable, "release %d of model %q did not answer within %s", c.at.release.number, c.to.model, timeout)
	case !c.body.faultless():
		return models.Errorf(models.KindInvalid, "the request's body broke off").Because(c.err)
	}
	return models.Errorf(models.KindUnavailable, "release %d of model %q broke the connection; the request may have been worked on", c.at.release.number, c.to.model).Because(c.err)
}

// releaseHeader names the release in each answer.
const releaseHeader = "X-Slipway-Release"

// answered names the release in the answer and watches its body.
func answered(resp *http.Response) error {
	c := callOf(resp.Request.Context())
	c.status = resp.StatusCode
	// It may answer while it still reads: without this the server throws away
	// what is left of the body once the answer begins. HTTP/2 needs it not.
	_ = http.NewResponseController(c.writer).EnableFullDuplex()
	resp.Header.Set(releaseHeader, c.at.release.name)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = &watchedAnswer{resp.Body, c}
	}
	return nil
}

// watchedAnswer notices an answer that the instance breaks off.
type watchedAnswer struct {
	io.ReadCloser
	call *call
}

func (b *watchedAnswer) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.call.broken = true
	}
	return n, err
}

package gateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/models"
)

// metrics are what Prometheus sees. Labels are those of releases that run, so
// their number is bounded by what was promoted, not by what callers ask for.
type metrics struct {
	requests *prometheus.CounterVec
	failures *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	weight   *prometheus.GaugeVec
	info     *prometheus.GaugeVec
	unrouted prometheus.Counter
}

// series are one release's, looked up once.
type series struct {
	twos, fours, fives, failures prometheus.Counter
	seconds                      prometheus.Observer
	inFlight, weight             prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	labels := []string{"model", "environment", "version", "release"}
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_gateway_requests_total", Help: "Requests by release and class of the answer's status.",
		}, append(labels, "code")),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "slipway_gateway_failures_total", Help: "Requests that count against the release: 5xx, or a connection that died.",
		}, labels),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "slipway_gateway_request_duration_seconds", Help: "Time from a request's arrival to the end of its answer.",
			Buckets:                     []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, labels),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "slipway_gateway_in_flight_requests", Help: "Requests being answered.",
		}, labels),
		weight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "slipway_gateway_traffic_weight_ratio", Help: "Share of the environment's traffic, 0 to 1.",
		}, labels),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "slipway_release_info", Help: "1 for each release that runs; joins facts.",
		}, labels),
		unrouted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "slipway_gateway_unrouted_total", Help: "Requests for a model or environment without a release.",
		}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.failures, m.seconds, m.inFlight, m.weight, m.info, m.unrouted} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) of(k key, r models.RouteRelease) series {
	l := []string{k.model, k.environment, strconv.FormatInt(r.Version, 10), strconv.FormatInt(r.Number, 10)}
	m.info.WithLabelValues(l...).Set(1)
	code := func(class string) prometheus.Counter {
		return m.requests.WithLabelValues(append(append([]string{}, l...), class)...)
	}
	return series{
		twos: code("2xx"), fours: code("4xx"), fives: code("5xx"), failures: m.failures.WithLabelValues(l...),
		seconds: m.seconds.WithLabelValues(l...), inFlight: m.inFlight.WithLabelValues(l...), weight: m.weight.WithLabelValues(l...),
	}
}

func (m *metrics) drop(k key, number int64) {
	l := prometheus.Labels{"model": k.model, "environment": k.environment, "release": strconv.FormatInt(number, 10)}
	m.requests.DeletePartialMatch(l)
	m.failures.DeletePartialMatch(l)
	m.seconds.DeletePartialMatch(l)
	m.inFlight.DeletePartialMatch(l)
	m.weight.DeletePartialMatch(l)
	m.info.DeletePartialMatch(l)
}

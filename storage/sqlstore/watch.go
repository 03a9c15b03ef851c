package sqlstore

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// watch times statements, and logs the slow ones by their shape.
type watch struct {
	log      *slog.Logger
	slow     time.Duration
	observe  func(ctx context.Context, statement string, began time.Time, err error)
	duration *prometheus.HistogramVec
	slowly   prometheus.Counter
	verbs    map[byte]prometheus.Observer // by a statement's first letter
}

func newWatch(o Options) *watch {
	w := &watch{log: o.Log, slow: o.Slow, observe: o.Observe}
	w.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "slipway_db_statement_duration_seconds", Help: "Time of one statement, of a query to its first row.",
		Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .05, .25, 1, 5},
	}, []string{"verb"})
	w.slowly = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "slipway_db_slow_statements_total", Help: "Statements that took longer than --db-slow.",
	})
	w.verbs = map[byte]prometheus.Observer{0: w.duration.WithLabelValues("other")}
	for _, verb := range []string{"select", "insert", "update", "delete"} {
		w.verbs[verb[0]] = w.duration.WithLabelValues(verb)
	}
	return w
}

func (w *watch) statement(ctx context.Context, query string, began time.Time, err error) {
	took := time.Since(began)
	verb, ok := w.verbs[first(query)]
	if !ok {
		verb = w.verbs[0]
	}
	verb.Observe(took.Seconds())
	if w.observe != nil {
		w.observe(ctx, query, began, err)
	}
	if w.slow > 0 && took >= w.slow {
		w.slowly.Inc()
		w.log.WarnContext(ctx, "slow statement", "statement", shape(query), "seconds", took.Seconds(), "failed", err != nil)
	}
}

// first is a statement's first letter in lower case. SAVEPOINT, which begins
// as SELECT does, is no verb.
func first(query string) byte {
	if len(query) < 2 || (query[0]|0x20 == 's' && query[1]|0x20 != 'e') {
		return 0
	}
	return query[0] | 0x20
}

// maxShape bounds a logged statement.
const maxShape = 1000

// shape is a statement without values: what is quoted becomes '…', blanks and
// repeated rows of placeholders become one.
func shape(query string) string {
	var b strings.Builder
	for i, part := range strings.Split(query, "'") {
		if i%2 == 0 {
			b.WriteString(part)
		} else {
			b.WriteString("'…'")
		}
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	if head, rows, ok := strings.Cut(text, " VALUES ("); ok {
		row, tail, _ := strings.Cut(rows, ")")
		for strings.HasPrefix(tail, ", (") || strings.HasPrefix(tail, ",(") {
			_, tail, _ = strings.Cut(tail, ")")
		}
		text = head + " VALUES (" + row + ")" + tail
	}
	if len(text) > maxShape {
		text = strings.ToValidUTF8(text[:maxShape], "") + "…"
	}
	return text
}

type tracedAt struct{}

// traced is what a statement on Postgres is timed by: its text, and when it,
// or the answer before it, was there.
type traced struct {
	query string
	began time.Time
}

// TraceQueryStart implements pgx.QueryTracer.
func (w *watch) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, tracedAt{}, &traced{d.SQL, time.Now()}) //nolint:forbidigo // a duration, not a rule
}

// TraceQueryEnd implements pgx.QueryTracer.
func (w *watch) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	if q, ok := ctx.Value(tracedAt{}).(*traced); ok {
		w.statement(ctx, q.query, q.began, d.Err)
	}
}

// TraceBatchStart implements pgx.BatchTracer.
func (w *watch) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return context.WithValue(ctx, tracedAt{}, &traced{"", time.Now()}) //nolint:forbidigo // a duration, not a rule
}

// TraceBatchQuery implements pgx.BatchTracer.
func (w *watch) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	if q, ok := ctx.Value(tracedAt{}).(*traced); ok {
		w.statement(ctx, d.SQL, q.began, d.Err)
		q.began = time.Now() //nolint:forbidigo // a duration, not a rule
	}
}

// TraceBatchEnd implements pgx.BatchTracer.
func (*watch) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

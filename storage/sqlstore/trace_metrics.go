package sqlstore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// measured says where a metric's values are.
type measured struct {
	value    string
	distinct bool
	ownTime  bool // of spans: counted by when the span began, not its trace
}

func measures() map[models.TraceView]map[string]measured {
	return map[models.TraceView]map[string]measured{
		models.ViewTraces: {
			"trace_count": {value: "trace.id"}, "session_count": {value: "trace.session", distinct: true}, "latency": {value: "trace.duration_ms"},
			"input_tokens": {value: "trace.input_tokens"}, "output_tokens": {value: "trace.output_tokens"}, "total_tokens": {value: "trace.total_tokens"},
			"cache_read_input_tokens": {value: "trace.cache_read_tokens"}, "cache_creation_input_tokens": {value: "trace.cache_creation_tokens"},
		},
		models.ViewSpans: {
			"span_count": {value: "x.start_ns"}, "latency": {value: "CASE WHEN x.end_ns > 0 THEN (x.end_ns - x.start_ns) / 1000000 END"},
			"input_cost": {value: "x.input_cost", ownTime: true}, "output_cost": {value: "x.output_cost", ownTime: true},
			"total_cost": {value: "x.total_cost", ownTime: true},
		},
		models.ViewAssessments: {"assessment_count": {value: "x.created_ms"}, "assessment_value": {value: "x.number"}},
	}
}

func dimensions() map[string]string {
	return map[string]string{
		"trace_name":   "(SELECT g.value FROM trace_tag g WHERE g.trace_id = trace.id AND g.key_id = (SELECT id FROM tracking_key WHERE name = '" + models.TagTraceName + "'))",
		"trace_status": "trace.state", "span_name": "x.name", "span_type": "x.type", "span_status": "x.status",
		"span_model_name": "x.model", "span_model_provider": "x.provider", "assessment_name": "x.name", "assessment_value": "x.value",
	}
}

// Metrics implements storage.TraceStore.
func (t traces) Metrics(q models.TraceMetricQuery) ([]models.TraceMetricPoint, error) {
	m, ok := measures()[q.View][q.Metric]
	if !ok {
		return nil, fmt.Errorf("metrics of traces: no %s of %s", q.Metric, q.View)
	}
	from := map[models.TraceView]string{
		models.ViewTraces: "trace", models.ViewSpans: "trace JOIN span x ON x.trace_id = trace.id",
		models.ViewAssessments: "trace JOIN assessment x ON x.trace_id = trace.id AND x.valid = 1",
	}[q.View]
	s := &statement{from: from, table: "trace"}
	s.experiments("trace", q.ExperimentIDs, t.tx)
	for _, c := range q.Filter {
		text, args := t.metricFilter(c)
		s.and(text, args...)
	}
	start, began := "trace.start_ms", "trace.start_ms"
	if q.View == models.ViewSpans {
		began = "x.start_ns / 1000000"
	}
	if m.ownTime {
		start = began
	}
	if q.FromMS != nil {
		s.and(start+" >= ?", *q.FromMS)
	}
	if q.ToMS != nil {
		s.and(start+" <= ?", *q.ToMS)
	}
	groups := make([]string, 0, len(q.Dimensions)+1)
	inner := m.value + " AS v"
	if q.IntervalS > 0 {
		size := strconv.FormatInt(q.IntervalS*1000, 10)
		inner, groups = inner+", "+began+" / "+size+" * "+size+" AS b", append(groups, "b")
	}
	known := dimensions()
	for i, d := range q.Dimensions {
		name := "d" + strconv.Itoa(i)
		inner, groups = inner+", "+known[d]+" AS "+name, append(groups, name)
	}
	query, args := aggregate(q, m, "SELECT "+inner+" FROM "+s.from+" WHERE "+strings.Join(s.where, " AND "), groups, t.dialect)
	var out []models.TraceMetricPoint
	err := t.scan(query, append(args, s.whereArgs...), func(scan scanner) error {
		p := models.TraceMetricPoint{Dimensions: make([]string, len(q.Dimensions)), Values: make([]*float64, len(q.Aggregations))}
		var into []any
		if q.IntervalS > 0 {
			into = append(into, &p.BucketMS)
		}
		for i := range p.Dimensions {
			into = append(into, &p.Dimensions[i])
		}
		for i := range p.Values {
			into = append(into, &p.Values[i])
		}
		err := scan(into...)
		out = append(out, p)
		return err
	})
	return out, err
}

// aggregate sums up the rows of a query by their groups. A percentile weighs
// the two values beside its place, so that both databases count the same.
func aggregate(q models.TraceMetricQuery, m measured, rows string, groups []string, dialect string) (string, []any) {
	var args []any
	within := ""
	if len(groups) > 0 {
		within = "PARTITION BY " + strings.Join(groups, ", ")
	}
	percentiles := false
	outputs := append([]string{}, groups...)
	for _, a := range q.Aggregations {
		call := a.Type + "(v)"
		switch {
		case a.Type == "PERCENTILE":
			percentiles = true
			distance := "ABS(place - 1 - CAST(? AS DOUBLE PRECISION) * (n - 1))"
			call = "SUM(CASE WHEN " + distance + " < 1 THEN v * (1 - " + distance + ") ELSE 0 END)"
			args = append(args, a.Percentile/100, a.Percentile/100)
		case m.distinct:
			call = a.Type + "(DISTINCT v)"
		}
		outputs = append(outputs, "CAST("+call+" AS DOUBLE PRECISION)")
	}
	kept := []string{"v IS NOT NULL"}
	orders := make([]string, len(groups))
	for i, g := range groups {
		kept = append(kept, g+" IS NOT NULL")
		if orders[i] = g; dialect == "postgres" && g != "b" {
			orders[i] += ` COLLATE "C"`
		}
	}
	columns := "*"
	if percentiles {
		columns = "*, ROW_NUMBER() OVER (" + within + " ORDER BY v) AS place, COUNT(*) OVER (" + within + ") AS n"
	}
	query := "SELECT " + strings.Join(outputs, ", ") + " FROM (SELECT " + columns + " FROM (" + rows + ") r WHERE " + strings.Join(kept, " AND ") + ") g"
	if len(groups) > 0 {
		query += " GROUP BY " + strings.Join(groups, ", ") + " ORDER BY " + strings.Join(orders, ", ")
	}
	return query + " LIMIT " + strconv.Itoa(q.Limit), args
}

// metricFilter holds for what a metric counts: equality is all there is.
func (t traces) metricFilter(c models.Condition) (string, []any) {
	switch {
	case c.Entity == models.EntityAttribute:
		return "trace.state = ?", []any{c.Text}
	case c.Entity == models.EntityMetadata && c.Key == models.MetaSourceRun:
		return ofRun(c.Text)
	case c.Entity == models.EntityTag, c.Entity == models.EntityMetadata:
		return "EXISTS (SELECT 1 FROM trace_" + string(c.Entity) + " g WHERE g.trace_id = trace.id AND g.key_id = " + keyOf + " AND g.value = ?)",
			[]any{c.Key, c.Text}
	}
	return "x." + c.Key + " = ?", []any{c.Text}
}

package models

// TraceView is what a metric of traces counts.
type TraceView string

// The views.
const (
	ViewTraces      TraceView = "TRACES"
	ViewSpans       TraceView = "SPANS"
	ViewAssessments TraceView = "ASSESSMENTS"
)

// Aggregation sums up the values of a metric. A percentile lies between 0 and
// 100 and is interpolated.
type Aggregation struct {
	Type       string // COUNT, SUM, AVG, PERCENTILE, MIN, MAX
	Percentile float64
}

// TraceMetricQuery asks for a metric of traces, by dimensions and time.
type TraceMetricQuery struct {
	ExperimentIDs []int64
	View          TraceView
	Metric        string
	Aggregations  []Aggregation
	Dimensions    []string
	Filter        []Condition
	IntervalS     int64 // 0: all of the time together
	FromMS, ToMS  *int64
	Limit         int
}

// TraceMetricPoint is one group of a metric's values.
type TraceMetricPoint struct {
	BucketMS   *int64   // where there is an interval
	Dimensions []string // values, as the query names them
	Values     []*float64
}

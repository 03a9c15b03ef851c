package models

import "math"

// Metric is one measurement of a run, or its latest one.
type Metric struct {
	Key         string
	Value       float64 // NaN is kept; an infinity is kept as the largest number
	TimestampMS int64
	Step        int64

	RunID         string // whose it is; filled where answers mix runs
	ModelID       string // the logged model it also measures
	DatasetName   string // the dataset it was measured on
	DatasetDigest string
}

// After tells whether m replaces the latest o: by step, time, then value,
// where NaN counts as 0.
func (m Metric) After(o Metric) bool {
	switch {
	case m.Step != o.Step:
		return m.Step > o.Step
	case m.TimestampMS != o.TimestampMS:
		return m.TimestampMS > o.TimestampMS
	}
	return orZero(m.Value) > orZero(o.Value)
}

func orZero(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}

// HistoryQuery selects points of one metric of a run, in the order of time,
// step and value.
type HistoryQuery struct {
	Key   string
	After *Metric // the last point read; nil: from the first
	Limit int     // 0: all
}

// StepRange selects steps, both ends included.
type StepRange struct{ From, To int64 }

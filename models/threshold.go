package models

import (
	"fmt"
	"regexp"
	"strconv"
)

// Threshold is a promise about one measurement, such as map50 ">= 0.80".
type Threshold struct {
	Metric string  `json:"metric"`
	Op     string  `json:"op"` // one of >=, >, <=, <
	Value  float64 `json:"value"`
}

var thresholdForm = regexp.MustCompile(`^\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*$`)

// ParseThreshold reads a comparison such as ">= 0.80".
func ParseThreshold(metric, text string) (Threshold, error) {
	m := thresholdForm.FindStringSubmatch(text)
	if m == nil {
		return Threshold{}, Errorf(KindInvalid,
			"threshold %q of %s does not parse: write an operator (>=, >, <=, <) and a number, such as \">= 0.80\"", text, metric)
	}
	value, err := strconv.ParseFloat(m[2], 64)
	if err != nil { // beyond a float's range
		return Threshold{}, Errorf(KindInvalid, "threshold %q of %s is out of range", text, metric)
	}
	return Threshold{Metric: metric, Op: m[1], Value: value}, nil
}

// String gives the comparison as it is written in a pipeline.
func (t Threshold) String() string {
	return fmt.Sprintf("%s %s", t.Op, strconv.FormatFloat(t.Value, 'g', -1, 64))
}

// Holds tells whether a measured value keeps the promise; NaN never does.
func (t Threshold) Holds(value float64) bool {
	switch t.Op {
	case ">=":
		return value >= t.Value
	case ">":
		return value > t.Value
	case "<=":
		return value <= t.Value
	case "<":
		return value < t.Value
	default:
		return false
	}
}

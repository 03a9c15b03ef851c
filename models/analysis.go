package models

import "time"

// AnalysisVerdict is what the analysis says of a new release next to the
// stable one.
type AnalysisVerdict string

// The verdicts of an analysis. Only worse acts by itself; not_yet is never
// taken for success.
const (
	AnalysisNoWorse AnalysisVerdict = "no_worse"
	AnalysisWorse   AnalysisVerdict = "worse"
	AnalysisNotYet  AnalysisVerdict = "not_yet"
)

// Sample counts the requests of one release that an analysis has seen.
type Sample struct {
	Requests int64 `json:"requests"`
	Failures int64 `json:"failures"`
}

// Rate is the share of failures; 0 for no requests.
func (s Sample) Rate() float64 {
	if s.Requests == 0 {
		return 0
	}
	return float64(s.Failures) / float64(s.Requests)
}

// What decided an analysis.
const (
	RuleSequence = "confidence_sequence"
	RuleBurst    = "burst" // deaths, or failures in a row: no statistics
)

// Analysis is one look at a metric: what was seen, and what follows from it.
// It is kept with the decision that it led to.
type Analysis struct {
	Metric   string          `json:"metric"` // error_rate
	Rule     string          `json:"rule"`   // RuleSequence or RuleBurst
	Step     int             `json:"step"`   // counts from 1
	At       time.Time       `json:"at"`
	Verdict  AnalysisVerdict `json:"verdict"`
	Reason   string          `json:"reason"`   // in a sentence
	Delta    float64         `json:"delta"`    // the difference that is borne with
	Alpha    float64         `json:"alpha"`    // the chance of a wrong verdict, over all looks
	New      Sample          `json:"new"`      // the release that is judged
	Stable   Sample          `json:"stable"`   // over the same minutes
	Blocks   int64           `json:"blocks"`   // comparisons of requests of the same moment
	Estimate float64         `json:"estimate"` // new minus stable
	Lower    float64         `json:"lower"`    // each bound holds at every look with probability 1-alpha
	Upper    float64         `json:"upper"`
}

package detection

import (
	"cmp"
	"slices"
)

// Mistakes are what a detector got wrong on one picture, among its detections
// that score at least the evidence's confidence, at an overlap of 0.5.
type Mistakes struct {
	Picture              int // place in Evidence.Pictures
	Missed, Wrong, Right int
}

// Worst ranks the pictures with mistakes, the most mistakes first; of equal
// ones the first in the set.
func (e *Evidence) Worst(limit int) []Mistakes {
	var all []Mistakes
	for i, p := range e.Pictures {
		m := Mistakes{Picture: i}
		labels := 0
		for _, l := range p.Labels {
			if !l.Crowd {
				labels++
			}
		}
		for _, f := range p.Found {
			switch {
			case f.Score < e.Confidence || f.match[AllAreas].aside.has(at50):
			case f.Hit():
				m.Right++
			default:
				m.Wrong++
			}
		}
		if m.Missed = labels - m.Right; m.Missed+m.Wrong > 0 {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b Mistakes) int { return cmp.Compare(b.Missed+b.Wrong, a.Missed+a.Wrong) })
	return all[:min(limit, len(all))]
}

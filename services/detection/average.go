package detection

import "math"

const recallPoints = 101

// epsilon is numpy's spacing(1).
var epsilon = math.Nextafter(1, 2) - 1

// average is the average precision of a curve; -1 without labels.
func (v *curve) average(c Convention) float64 {
	switch {
	case v.positives == 0:
		return -1
	case len(v.right) == 0:
		return 0
	case c == Ultralytics:
		return v.trapezoid()
	}
	return v.points()
}

// points is COCO's: the mean over 101 recalls of the best precision at that
// recall or above.
func (v *curve) points() float64 {
	sum, best, n := 0.0, 0.0, recallPoints-1
	for k := len(v.right) - 1; k >= 0 && n >= 0; k-- {
		best = max(best, v.right[k]/(v.seen[k]+epsilon))
		before := 0.0 // recall of the hit before this one
		if k > 0 {
			before = v.right[k-1] / v.positives
		}
		at := v.right[k] / v.positives
		for ; n >= 0 && (k == 0 || float64(n)*0.01 > before); n-- {
			if float64(n)*0.01 <= at {
				sum += best
			}
		}
	}
	return sum / recallPoints
}

// trapezoid is ultralytics': the area under the precision envelope, which
// begins with 1 at recall 0, is linear between its points and falls to 0 at the
// last recall reached, sampled at 101 recalls. Wrong detections are points too:
// at a recall the envelope ends with the last of them. (compute_ap of
// ultralytics/utils/metrics.py, 8.4; before it the envelope fell to 0 at recall
// 1, which gave a detector more than it reached.)
func (v *curve) trapezoid() float64 {
	sum, n := 0.0, recallPoints-1
	right, rightAt := 0.0, 2.0 // the point to the right of those sampled
	add := func(left, leftAt float64) {
		for ; n >= 0; n-- {
			x := float64(n) * 0.01
			if x < leftAt {
				return
			}
			y := left
			if x > leftAt {
				y += (right - left) / (rightAt - leftAt) * (x - leftAt)
			}
			if n == 0 || n == recallPoints-1 {
				y /= 2
			}
			sum += y
		}
	}
	best := 0.0
	for k := len(v.right) - 1; k >= 0; k-- {
		at, left := v.right[k]/v.positives, 0.0
		if rightAt <= 1 { // else there is nothing beyond
			left = max(best, v.right[k]/v.next[k])
		}
		best = max(best, v.right[k]/v.seen[k])
		if v.next[k] == v.seen[k] && rightAt <= 1 {
			left = best
		}
		add(left, at)
		right, rightAt = best, at
	}
	if v.early {
		add(best, 0)
	} else {
		add(1, 0)
	}
	return sum / (recallPoints - 1)
}

// recall is the share of labels found at all.
func (v *curve) recall() float64 {
	if v.positives == 0 {
		return -1
	}
	if n := len(v.right); n > 0 {
		return v.right[n-1] / v.positives
	}
	return 0
}

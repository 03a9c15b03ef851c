package detection

import (
	"cmp"
	"math"
	"slices"
)

// DefaultMaxDets is COCO's bound on detections of one class in one picture.
const DefaultMaxDets = 100

// thresholds and the recall points are numpy's linspace, to the last digit.
var thresholds = [10]float64{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.8999999999999999, 0.95}

const recallPoints = 101

// Score measures detections against labels as pycocotools does (101 recall
// points, IoU .50:.05:.95, area all). boxes[i] and labels[i] belong to picture
// i; equal scores keep the order of pictures and boxes. maxDets bounds the
// detections of one class in one picture (0: DefaultMaxDets).
func Score(boxes [][]Box, labels [][]Label, classes []string, maxDets int) Scores {
	if maxDets <= 0 {
		maxDets = DefaultMaxDets
	}
	s := Scores{Images: len(labels), MaxDets: maxDets, Classes: make([]ClassScores, len(classes))}
	var all, at50, at75 mean
	for id, name := range classes {
		c := newClassEval(boxes, labels, id, maxDets)
		s.Capped += c.capped
		out := ClassScores{ClassID: id, Class: name, Labels: c.positives, Detections: c.detections, AP50: -1, AP5095: -1}
		if c.positives > 0 {
			var over mean
			for t := range thresholds {
				ap := c.averagePrecision(t)
				over.add(ap)
				switch t {
				case 0:
					out.AP50 = ap
					at50.add(ap)
				case 5:
					at75.add(ap)
				}
			}
			out.AP5095 = over.value()
			all.add(out.AP5095)
		}
		s.Classes[id] = out
		s.Labels += c.positives
		s.Detections += c.detections
	}
	s.MAP50, s.MAP75, s.MAP5095 = at50.value(), at75.value(), all.value()
	return s
}

// Scores is what a detector achieved on a labelled set. A figure is -1 where
// there is nothing to measure it on, and such classes are left out of means.
type Scores struct {
	MAP50      float64       `json:"map50"`
	MAP5095    float64       `json:"map50_95"`
	MAP75      float64       `json:"map75"`
	Classes    []ClassScores `json:"classes"`
	Images     int           `json:"images"`
	Labels     int           `json:"labels"`     // crowds left out
	Detections int           `json:"detections"` // of known classes
	MaxDets    int           `json:"max_dets"`
	Capped     int           `json:"capped"` // pairs of picture and class that had more than MaxDets
}

// ClassScores is the part of one class.
type ClassScores struct {
	ClassID    int     `json:"class_id"`
	Class      string  `json:"class"`
	AP50       float64 `json:"ap50"`
	AP5095     float64 `json:"ap50_95"`
	Labels     int     `json:"labels"`
	Detections int     `json:"detections"`
}

type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64) { m.sum += v; m.n++ }

func (m *mean) value() float64 {
	if m.n == 0 {
		return -1
	}
	return m.sum / float64(m.n)
}

// classEval is one class over all pictures: its detections, best first, and
// what each is at each threshold.
type classEval struct {
	matches               []match
	positives, detections int
	capped                int
}

type match struct {
	score      float64
	hit, aside [len(thresholds)]bool
}

func newClassEval(boxes [][]Box, labels [][]Label, class, maxDets int) classEval {
	var c classEval
	for i := range max(len(boxes), len(labels)) {
		var truth []Label
		if i < len(labels) {
			truth = ofClass(labels[i], func(l Label) bool { return l.ClassID == class })
		}
		slices.SortStableFunc(truth, func(a, b Label) int { return crowdLast(a) - crowdLast(b) })
		for _, l := range truth {
			if !l.Crowd {
				c.positives++
			}
		}
		var found []Box
		if i < len(boxes) {
			found = ofClass(boxes[i], func(b Box) bool { return b.ClassID == class })
		}
		slices.SortStableFunc(found, func(a, b Box) int { return cmp.Compare(b.Score, a.Score) })
		c.detections += len(found)
		if len(found) > maxDets {
			found = found[:maxDets]
			c.capped++
		}
		c.matches = append(c.matches, matchPicture(found, truth)...)
	}
	slices.SortStableFunc(c.matches, func(a, b match) int { return cmp.Compare(b.score, a.score) })
	return c
}

func ofClass[T any](all []T, is func(T) bool) []T {
	var out []T
	for _, v := range all {
		if is(v) {
			out = append(out, v)
		}
	}
	return out
}

func crowdLast(l Label) int {
	if l.Crowd {
		return 1
	}
	return 0
}

// matchPicture gives each detection, best first, the free label it overlaps
// most, at each threshold. Crowds stand last, and may be matched often.
func matchPicture(found []Box, truth []Label) []match {
	overlap := make([][]float64, len(found))
	for d := range found {
		overlap[d] = make([]float64, len(truth))
		for g := range truth {
			overlap[d][g] = cocoIoU(found[d].Box, truth[g])
		}
	}
	out := make([]match, len(found))
	for t, threshold := range thresholds {
		taken := make([]bool, len(truth))
		for d := range found {
			out[d].score = found[d].Score
			best, m := min(threshold, 1-1e-10), -1
			for g := range truth {
				if taken[g] && !truth[g].Crowd {
					continue
				}
				if m >= 0 && !truth[m].Crowd && truth[g].Crowd {
					break
				}
				if overlap[d][g] >= best {
					best, m = overlap[d][g], g
				}
			}
			if m >= 0 {
				taken[m] = true
				out[d].hit[t] = true
				out[d].aside[t] = truth[m].Crowd
			}
		}
	}
	return out
}

// cocoIoU is the overlap over the union; over the detection where the label is
// a crowd.
func cocoIoU(b Rect, l Label) float64 {
	w := min(b[2], l.Box[2]) - max(b[0], l.Box[0])
	h := min(b[3], l.Box[3]) - max(b[1], l.Box[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	union := b.Area()
	if !l.Crowd {
		union += l.Box.Area() - w*h
	}
	return w * h / union
}

// averagePrecision is the mean over the recall points of the best precision at
// that recall or above.
func (c classEval) averagePrecision(t int) float64 {
	var recall, precision []float64
	var tp, fp float64
	for i := range c.matches {
		switch m := &c.matches[i]; {
		case m.aside[t]:
		case m.hit[t]:
			tp++
		default:
			fp++
		}
		recall = append(recall, tp/float64(c.positives))
		precision = append(precision, tp/(tp+fp+epsilon))
	}
	for i := len(precision) - 1; i > 0; i-- {
		precision[i-1] = max(precision[i-1], precision[i])
	}
	sum, at := 0.0, 0
	for p := range recallPoints {
		point := float64(p) * 0.01
		for at < len(recall) && recall[at] < point {
			at++
		}
		if at == len(recall) {
			break
		}
		sum += precision[at]
	}
	return sum / recallPoints
}

// epsilon is numpy's spacing(1).
var epsilon = math.Nextafter(1, 2) - 1

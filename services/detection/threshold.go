package detection

// gridSize is the number of confidences, 0 to 1, at which precision, recall
// and F1 are looked at.
const gridSize = 1000

// grid is numpy's linspace(0, 1, 1000).
var grid = func() (g [gridSize]float64) {
	for i := range g {
		g[i] = float64(i) / (gridSize - 1)
	}
	return g
}()

// byConfidence is precision and recall at an overlap of 0.5 at each confidence
// of the grid.
type byConfidence struct{ precision, recall [gridSize]float64 }

// thresholds walks down the scores. COCO's counts are those of the detections
// that score at least the confidence; ultralytics' are linear between
// detections. Above the best score precision is 1 and recall 0.
func (s *scratch) thresholds(c *ranking, weights []int32, convention Convention) *byConfidence {
	positives := 0.0
	for _, p := range c.labels[AllAreas] {
		positives += float64(weights[p])
	}
	out := &byConfidence{}
	k := &c.tracks[AllAreas][at50]
	if positives == 0 || len(k.pictures) == 0 {
		return out
	}
	type point struct{ score, precision, recall float64 }
	last := point{score: 2, precision: 1}
	g := gridSize - 1
	// fill gives the confidences above the next point's score what holds there.
	fill := func(next point) {
		for ; g >= 0 && grid[g] > next.score; g-- {
			x := grid[g]
			out.precision[g], out.recall[g] = last.precision, last.recall
			if convention == Ultralytics && last.score <= 1 && last.score > next.score {
				part := (last.score - x) / (last.score - next.score)
				out.precision[g] += part * (next.precision - last.precision)
				out.recall[g] += part * (next.recall - last.recall)
			}
		}
	}
	right, seen, hit := 0.0, 0.0, 0
	for i, p := range k.pictures {
		isHit := hit < len(k.hits) && int(k.hits[hit]) == i
		if isHit {
			hit++
		}
		w := float64(weights[p])
		if w == 0 {
			continue
		}
		seen += w
		if isHit {
			right += w
		}
		next := point{k.scores[i], right / seen, right / positives}
		fill(next)
		last = next
	}
	if last.score > 1 { // nothing weighs anything
		return &byConfidence{}
	}
	for ; g >= 0; g-- {
		out.precision[g], out.recall[g] = last.precision, last.recall
	}
	return out
}

// smooth is the moving mean over a tenth of the grid, the ends repeated, by
// which ultralytics chooses the best F1: one lucky confidence does not decide.
func smooth(y []float64) []float64 {
	const half = gridSize / 20
	out := make([]float64, len(y))
	for i := range y {
		sum := 0.0
		for j := i - half; j <= i+half; j++ {
			sum += y[min(max(j, 0), len(y)-1)]
		}
		out[i] = sum / (2*half + 1)
	}
	return out
}

func f1(precision, recall float64) float64 {
	return 2 * precision * recall / (precision + recall + 1e-16)
}

// bestF1 is the place in the grid of the best mean F1 of classes.
func bestF1(classes []*byConfidence) int {
	mean := make([]float64, gridSize)
	for _, c := range classes {
		for g := range mean {
			mean[g] += f1(c.precision[g], c.recall[g]) / float64(len(classes))
		}
	}
	best := 0
	mean = smooth(mean)
	for g, v := range mean {
		if v > mean[best] {
			best = g
		}
	}
	return best
}

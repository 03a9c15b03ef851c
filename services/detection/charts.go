package detection

// PrecisionRecall is a class's precision at an overlap of 0.5 over the recalls
// 0, 0.01 … 1: the best at that recall or above. nil for a class without
// labels.
func (r *Ranked) PrecisionRecall(weights []int32, class int) []float64 {
	v := new(scratch).curveOf(&r.classes[class], AllAreas, at50, r.orAll(weights))
	if v.positives == 0 {
		return nil
	}
	out := make([]float64, recallPoints)
	best, n := 0.0, recallPoints-1
	for k := len(v.right) - 1; k >= 0; k-- {
		for ; n >= 0 && float64(n)*0.01 > v.right[k]/v.positives; n-- {
			out[n] = best
		}
		best = max(best, v.right[k]/v.seen[k])
	}
	for ; n >= 0; n-- {
		out[n] = best
	}
	return out
}

// ByConfidence is a class's precision and recall at an overlap of 0.5 over the
// confidences 0, 0.01 … 1. nil for a class without labels.
func (r *Ranked) ByConfidence(weights []int32, class int) []Threshold {
	c := &r.classes[class]
	if len(c.labels[AllAreas]) == 0 {
		return nil
	}
	all := new(scratch).thresholds(c, r.orAll(weights), r.of.Convention)
	out := make([]Threshold, recallPoints)
	for i := range out {
		at := i * (gridSize - 1) / (recallPoints - 1)
		p, q := all.precision[at], all.recall[at]
		out[i] = Threshold{Confidence: float64(i) / (recallPoints - 1), Precision: p, Recall: q, F1: f1(p, q)}
	}
	return out
}

func (r *Ranked) orAll(weights []int32) []int32 {
	if weights == nil {
		return r.all
	}
	return weights
}

// Confusion counts, for each true class (a row) and the background (the last
// row), what it was taken for (columns, the last being that nothing was found),
// among detections above the evidence's confidence; an overlap above
// ConfusionIoU makes a pair, whatever the classes.
func (e *Evidence) Confusion() [][]int {
	n := len(e.Classes)
	out := make([][]int, n+1)
	for i := range out {
		out[i] = make([]int, n+1)
	}
	known := func(class int) bool { return class >= 0 && class < n }
	for _, p := range e.Pictures {
		found := make([]bool, len(p.Labels))
		for _, f := range p.Found {
			switch {
			case f.Score <= e.Confidence || !known(f.Class):
			case f.Label >= 0 && known(p.Labels[f.Label].ClassID):
				found[f.Label] = true
				out[p.Labels[f.Label].ClassID][f.Class]++
			default:
				out[n][f.Class]++
			}
		}
		for i, l := range p.Labels {
			if !found[i] && !l.Crowd && known(l.ClassID) {
				out[l.ClassID][n]++
			}
		}
	}
	return out
}

package accuracy

import "math"

// Numbers are predictions of numbers.
type Numbers struct{ truth, guessed []float64 }

// Add adds a prediction.
func (n *Numbers) Add(truth, guessed float64) {
	n.truth, n.guessed = append(n.truth, truth), append(n.guessed, guessed)
}

// Len counts the predictions.
func (n *Numbers) Len() int { return len(n.truth) }

// Drawn gives the predictions, each as often as weights says.
func (n *Numbers) Drawn(weights []int32) *Numbers {
	out := &Numbers{truth: make([]float64, 0, len(n.truth)), guessed: make([]float64, 0, len(n.truth))}
	for i, times := range weights {
		for range times {
			out.Add(n.truth[i], n.guessed[i])
		}
	}
	return out
}

// Figures are the scores by their names.
func (n *Numbers) Figures() []Figure {
	s := n.Scores()
	return []Figure{{"mae", s.MAE}, {"rmse", s.RMSE}, {"r2", s.R2}, {"bias", s.Bias}, {"max_error", s.Max}}
}

// NumberScores are the figures of predictions, in the target's unit but R2.
type NumberScores struct {
	MAE  float64 // mean absolute error
	RMSE float64 // root of the mean squared error
	R2   float64 // 1 - squared errors / squares about the mean; NaN where the truth is one number
	Bias float64 // mean of predicted - true
	Max  float64 // largest absolute error
}

// Scores computes them.
func (n *Numbers) Scores() NumberScores {
	var s NumberScores
	count := float64(len(n.truth))
	mean := 0.0
	for _, t := range n.truth {
		mean += t / count
	}
	squares, about := 0.0, 0.0
	for i, t := range n.truth {
		e := n.guessed[i] - t
		s.MAE += math.Abs(e) / count
		s.Bias += e / count
		s.Max = max(s.Max, math.Abs(e))
		squares += e * e
		about += (t - mean) * (t - mean)
	}
	s.RMSE = math.Sqrt(squares / count)
	s.R2 = math.NaN()
	if about > 0 {
		s.R2 = 1 - squares/about
	}
	return s
}

// Errors gives how the errors lie: counts in bins of equal width between the
// smallest and the largest of predicted - true.
func (n *Numbers) Errors(bins int) (edges, counts []float64) {
	low, high := math.Inf(1), math.Inf(-1)
	for i, t := range n.truth {
		low, high = min(low, n.guessed[i]-t), max(high, n.guessed[i]-t)
	}
	if !(high > low) {
		return nil, nil
	}
	edges, counts = make([]float64, bins), make([]float64, bins)
	width := (high - low) / float64(bins)
	for i := range edges {
		edges[i] = low + width*float64(i)
	}
	for i, t := range n.truth {
		counts[min(int((n.guessed[i]-t-low)/width), bins-1)]++
	}
	return edges, counts
}

package accuracy

import (
	"cmp"
	"math"
	"slices"
)

// Classes are predictions of one class out of K.
type Classes struct {
	names   []string
	truth   []int32
	guessed []int32
	shares  []float64 // K for each prediction, or none at all
}

// NewClasses begins with the names of the classes, in the order of shares.
func NewClasses(names []string) *Classes { return &Classes{names: names} }

// Add adds a prediction: the true class, the one predicted (-1: none of them),
// and the probability of each class, where the model gives them.
func (c *Classes) Add(truth, guessed int, shares []float64) {
	c.truth = append(c.truth, int32(truth))
	c.guessed = append(c.guessed, int32(guessed))
	c.shares = append(c.shares, shares...)
}

// Len counts the predictions.
func (c *Classes) Len() int { return len(c.truth) }

// Drawn gives the predictions, each as often as weights says.
func (c *Classes) Drawn(weights []int32) *Classes {
	out, k := &Classes{names: c.names, truth: make([]int32, 0, len(c.truth)), guessed: make([]int32, 0, len(c.truth))}, len(c.names)
	if len(c.shares) > 0 {
		out.shares = make([]float64, 0, len(c.shares))
	}
	for i, n := range weights {
		for range n {
			out.truth, out.guessed = append(out.truth, c.truth[i]), append(out.guessed, c.guessed[i])
			if len(c.shares) > 0 {
				out.shares = append(out.shares, c.shares[i*k:(i+1)*k]...)
			}
		}
	}
	return out
}

// Figures are the scores by their names.
func (c *Classes) Figures() []Figure {
	s := c.Scores()
	all := []Figure{
		{"accuracy", s.Accuracy},
		{"balanced_accuracy", s.BalancedAccuracy},
		{"f1_macro", s.F1Macro},
		{"f1_weighted", s.F1Weighted},
		{"log_loss", s.LogLoss},
		{"calibration_error", s.Calibration},
		{"auc", s.AUC},
	}
	for _, f := range s.Classes {
		if f.Support > 0 {
			all = append(all, Figure{"precision[" + f.Name + "]", f.Precision}, Figure{"recall[" + f.Name + "]", f.Recall}, Figure{"f1[" + f.Name + "]", f.F1})
		}
	}
	return all
}

// ClassFigures are the figures of one class.
type ClassFigures struct {
	Name                  string
	Support               int     // how often it is true
	Precision, Recall, F1 float64 // 0 where nothing divides
}

// ClassScores are the figures of predictions. What cannot be told is NaN.
type ClassScores struct {
	Accuracy         float64
	BalancedAccuracy float64 // mean recall of the classes that are true at all
	F1Macro          float64 // mean F1 of the classes that are true or predicted
	F1Weighted       float64 // mean F1, weighted by how often a class is true
	AUC              float64 // area under the ROC curve: of the second class of two, else the mean of each against the rest
	LogLoss          float64 // mean of -ln of the true class' probability
	Calibration      float64 // expected calibration error, 15 bins of equal width
	Classes          []ClassFigures
}

// Scores computes them.
func (c *Classes) Scores() ClassScores {
	k := len(c.names)
	right, truth, guessed := make([]int, k), make([]int, k), make([]int, k)
	hits := 0
	for i, t := range c.truth {
		truth[t]++
		if g := c.guessed[i]; g >= 0 {
			guessed[g]++
			if g == t {
				right[t]++
				hits++
			}
		}
	}
	s := ClassScores{Accuracy: ratio(hits, len(c.truth)), AUC: math.NaN(), LogLoss: math.NaN(), Calibration: math.NaN()}
	seen, met := 0, 0
	for i, name := range c.names {
		f := ClassFigures{
			Name: name, Support: truth[i], Precision: share(right[i], guessed[i]), Recall: share(right[i], truth[i]),
			F1: share(2*right[i], truth[i]+guessed[i]),
		}
		s.Classes = append(s.Classes, f)
		if truth[i] > 0 {
			seen++
			s.BalancedAccuracy += f.Recall
			s.F1Weighted += f.F1 * float64(truth[i])
		}
		if truth[i]+guessed[i] > 0 {
			met++
			s.F1Macro += f.F1
		}
	}
	s.BalancedAccuracy /= float64(seen)
	s.F1Macro /= float64(met)
	s.F1Weighted /= float64(len(c.truth))
	if len(c.shares) > 0 {
		s.AUC, s.LogLoss, s.Calibration = c.auc(truth), c.logLoss(), c.calibration()
	}
	return s
}

func ratio(n, of int) float64 { return float64(n) / float64(of) }

// share is a ratio that is 0 where nothing divides, as scikit-learn has it.
func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return ratio(n, of)
}

// auc is roc_auc_score: by ranks, ties shared; NaN where a class is never true.
func (c *Classes) auc(truth []int) float64 {
	k := len(c.names)
	if k < 2 || slices.Contains(truth, 0) {
		return math.NaN()
	}
	first := 0
	if k == 2 {
		first = 1
	}
	sum := 0.0
	order := make([]int, len(c.truth))
	for class := first; class < k; class++ {
		for i := range order {
			order[i] = i
		}
		at := func(i int) float64 { return c.shares[i*k+class] }
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(at(a), at(b)) })
		ranks := 0.0 // sum of the ranks of those whose class it is
		for from := 0; from < len(order); {
			to, positive := from, 0
			for ; to < len(order) && at(order[to]) == at(order[from]); to++ {
				if int(c.truth[order[to]]) == class {
					positive++
				}
			}
			ranks += float64(positive) * float64(from+1+to) / 2
			from = to
		}
		p, n := float64(truth[class]), float64(len(order)-truth[class])
		sum += (ranks - p*(p+1)/2) / (p * n)
	}
	return sum / float64(k-first)
}

// epsilon is what log_loss clips probabilities by.
const epsilon = 0x1p-52

func (c *Classes) logLoss() float64 {
	sum := 0.0
	for i, t := range c.truth {
		sum -= math.Log(min(max(c.shares[i*len(c.names)+int(t)], epsilon), 1-epsilon))
	}
	return sum / float64(len(c.truth))
}

// bins is the number of bins of the calibration error.
const bins = 15

// Bin is one bin of confidences.
type Bin struct {
	Count                int
	Confidence, Accuracy float64 // means
}

// Reliability gives the bins of the confidence of the predicted class.
func (c *Classes) Reliability() [bins]Bin {
	var all [bins]Bin
	k := len(c.names)
	if len(c.shares) == 0 {
		return all
	}
	for i, t := range c.truth {
		shares := c.shares[i*k : (i+1)*k]
		top := 0
		for class, p := range shares {
			if p > shares[top] {
				top = class
			}
		}
		b := &all[min(max(int(math.Ceil(shares[top]*bins))-1, 0), bins-1)] // (0, 1/15], (1/15, 2/15] …
		b.Count++
		b.Confidence += shares[top]
		if top == int(t) {
			b.Accuracy++
		}
	}
	for i := range all {
		if n := float64(all[i].Count); n > 0 {
			all[i].Confidence /= n
			all[i].Accuracy /= n
		}
	}
	return all
}

// calibration is the expected calibration error (Guo et al., On Calibration of
// Modern Neural Networks, 2017, equation 3).
func (c *Classes) calibration() float64 {
	sum := 0.0
	for _, b := range c.Reliability() {
		sum += float64(b.Count) * math.Abs(b.Accuracy-b.Confidence)
	}
	return sum / float64(len(c.truth))
}

// Confusion counts predictions: rows are the true classes, columns those
// predicted, the last one none.
func (c *Classes) Confusion() [][]float64 {
	cells := make([][]float64, len(c.names))
	for i := range cells {
		cells[i] = make([]float64, len(c.names)+1)
	}
	for i, t := range c.truth {
		g := int(c.guessed[i])
		if g < 0 {
			g = len(c.names)
		}
		cells[t][g]++
	}
	return cells
}

package drift

import (
	"math"
	"slices"
	"sort"
)

// Feature is what is known of a feature's values in one place: numbers, or how
// often each word occurs.
type Feature struct {
	Numbers []float64
	Words   map[string]int
	Missing int
}

// Add adds a number; NaN and infinities are missing.
func (f *Feature) Add(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		f.Missing++
		return
	}
	f.Numbers = append(f.Numbers, v)
}

// AddWord adds a word.
func (f *Feature) AddWord(word string) {
	if f.Words == nil {
		f.Words = map[string]int{}
	}
	f.Words[word]++
}

// Len counts what was added, missing values too.
func (f *Feature) Len() int {
	n := len(f.Numbers) + f.Missing
	for _, count := range f.Words {
		n += count
	}
	return n
}

// The usual words for a population stability index: below Moderate nothing has
// changed that matters, above Major much has (Siddiqi, Credit Risk Scorecards,
// 2006).
const (
	Moderate = 0.1
	Major    = 0.25
)

// Distance is how far a feature is from its reference.
type Distance struct {
	PSI float64 // sum of (a-e) ln(a/e) over bins, from 0 up
	JS  float64 // root of the Jensen-Shannon divergence to base 2 over the same bins, 0 to 1
	KS  float64 // largest difference of the distribution functions, 0 to 1; NaN of words
	New []string
}

// Between measures a feature against its reference. Numbers are put into the
// tenths of the reference, words into one bin each, and what is missing into
// one of its own.
func Between(reference, now Feature) Distance {
	d := Distance{KS: math.NaN()}
	var expected, actual []float64
	if reference.Words != nil || now.Words != nil {
		expected, actual, d.New = words(reference, now)
	} else {
		slices.Sort(reference.Numbers)
		slices.Sort(now.Numbers)
		edges := tenths(reference.Numbers)
		expected, actual = histogram(reference.Numbers, edges), histogram(now.Numbers, edges)
		d.KS = kolmogorovSmirnov(reference.Numbers, now.Numbers)
	}
	expected, actual = append(expected, float64(reference.Missing)), append(actual, float64(now.Missing))
	d.PSI, d.JS = stability(expected, actual), jensenShannon(expected, actual)
	return d
}

func words(reference, now Feature) (expected, actual []float64, fresh []string) {
	all := map[string]bool{}
	for _, f := range []Feature{reference, now} {
		for word := range f.Words {
			all[word] = true
		}
	}
	names := make([]string, 0, len(all))
	for word := range all {
		names = append(names, word)
	}
	slices.Sort(names)
	for _, word := range names {
		expected, actual = append(expected, float64(reference.Words[word])), append(actual, float64(now.Words[word]))
		if reference.Words[word] == 0 {
			fresh = append(fresh, word)
		}
	}
	return expected, actual, fresh
}

// tenths gives the inner edges of the deciles of sorted numbers, each once.
func tenths(sorted []float64) []float64 {
	var edges []float64
	for i := 1; i < 10 && len(sorted) > 0; i++ {
		edges = append(edges, sorted[(len(sorted)-1)*i/10])
	}
	return slices.Compact(edges)
}

// histogram counts sorted numbers between edges: up to and with each, and above
// the last.
func histogram(sorted, edges []float64) []float64 {
	counts := make([]float64, len(edges)+1)
	from := 0
	for i, edge := range edges {
		to := sort.Search(len(sorted), func(k int) bool { return sorted[k] > edge })
		counts[i], from = float64(to-from), to
	}
	counts[len(edges)] = float64(len(sorted) - from)
	return counts
}

// least is the share that an empty bin has in a stability index, which knows no
// zero.
const least = 1e-4

func stability(expected, actual []float64) float64 {
	sum := 0.0
	e, a := shares(expected), shares(actual)
	for i := range e {
		if e[i] == 0 && a[i] == 0 {
			continue
		}
		x, y := max(e[i], least), max(a[i], least)
		sum += (y - x) * math.Log(y/x)
	}
	return sum
}

func jensenShannon(expected, actual []float64) float64 {
	sum := 0.0
	e, a := shares(expected), shares(actual)
	for i := range e {
		middle := (e[i] + a[i]) / 2
		for _, p := range []float64{e[i], a[i]} {
			if p > 0 {
				sum += p / 2 * math.Log2(p/middle)
			}
		}
	}
	return math.Sqrt(max(sum, 0))
}

func shares(counts []float64) []float64 {
	total := 0.0
	for _, n := range counts {
		total += n
	}
	out := make([]float64, len(counts))
	for i, n := range counts {
		if total > 0 {
			out[i] = n / total
		}
	}
	return out
}

// kolmogorovSmirnov is the two-sample statistic of sorted numbers.
func kolmogorovSmirnov(a, b []float64) float64 {
	if len(a) == 0 || len(b) == 0 {
		return math.NaN()
	}
	most, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		at := min(a[i], b[j])
		for i < len(a) && a[i] <= at {
			i++
		}
		for j < len(b) && b[j] <= at {
			j++
		}
		most = max(most, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return most
}

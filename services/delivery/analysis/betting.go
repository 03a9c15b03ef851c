package analysis

import "math"

// bets are the shares of the largest safe stake that the gambler mixes, evenly:
// from nearly everything, which finds large differences in few requests, to a
// hundredth, which finds small ones in many.
var bets = func() (b [12]float64) {
	stake := 0.99
	for i := range b {
		b[i] = stake
		stake /= 1.5
	}
	return b
}()

// logCapitalAbove is the log of what betting on "more than m" has made of 1.
// Were the true difference at most m, it would ever reach log(1/α) with
// probability at most α. It falls with m.
func logCapitalAbove(counts *[values]float64, m float64) float64 {
	return logCapital(counts, func(x float64) float64 { return (x - m) / (1 + m) })
}

// logCapitalBelow is the same for betting on "less than m"; it rises with m.
func logCapitalBelow(counts *[values]float64, m float64) float64 {
	return logCapital(counts, func(x float64) float64 { return (m - x) / (1 - m) })
}

// logCapital mixes the bets. gain is a comparison's payoff for a full stake,
// never below -1: nothing is lost that was not staked.
func logCapital(counts *[values]float64, gain func(x float64) float64) float64 {
	var logs [len(bets)]float64
	for i, n := range counts {
		if n == 0 {
			continue
		}
		g := gain(difference(i))
		for j, stake := range bets {
			logs[j] += n * math.Log1p(stake*g)
		}
	}
	return logMeanExp(logs)
}

func logMeanExp(logs [len(bets)]float64) float64 {
	top := logs[0]
	for _, l := range logs {
		top = max(top, l)
	}
	var sum float64
	for _, l := range logs {
		sum += math.Exp(l - top)
	}
	return top + math.Log(sum/float64(len(logs)))
}

// lowerBound is the largest m that "the difference is at most m" is refuted
// for; -1 where nothing is.
func lowerBound(counts *[values]float64, threshold float64) float64 {
	return bisect(func(m float64) bool { return logCapitalAbove(counts, m) >= threshold })
}

// upperBound is its mirror image; 1 where nothing is refuted.
func upperBound(counts *[values]float64, threshold float64) float64 {
	return -bisect(func(m float64) bool { return logCapitalBelow(counts, -m) >= threshold })
}

// bisect finds where refuted, true below and false above, changes in [-1, 1].
func bisect(refuted func(m float64) bool) float64 {
	low, high := -1.0, 1.0
	for range 30 {
		mid := (low + high) / 2
		if refuted(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}

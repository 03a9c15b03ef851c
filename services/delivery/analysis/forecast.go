package analysis

import (
	"math"
	"time"
)

// Forecast says how long a step at weight percent will need to find a release
// that is as good as the stable one no worse: perSecond requests arrive, and
// the stable release fails at failureRate. ok is false where that cannot be
// told, without traffic or where delta is out of reach at that failure rate.
func Forecast(perSecond float64, weight int, failureRate, delta, alpha float64) (need time.Duration, ok bool) {
	if perSecond <= 0 || weight <= 0 || weight >= 100 {
		return 0, false
	}
	blocks := blocksNeeded(failureRate, delta, alpha)
	if math.IsInf(blocks, 1) {
		return 0, false
	}
	w := float64(weight) / 100
	requestsPerBlock := 1/w + 1/(1-w) - 1 // until both releases have had one
	return time.Duration(blocks * requestsPerBlock / perSecond * float64(time.Second)).Round(time.Second), true
}

// blocksNeeded is how many blocks, each with one request a side, bring the
// capital to 1/alpha if they fall as expected.
func blocksNeeded(failureRate, delta, alpha float64) float64 {
	const most = 1 << 24
	enough := func(n float64) bool {
		var c [values]float64
		differ := failureRate * (1 - failureRate)
		c[0], c[grain], c[values-1] = n*differ, n*(1-2*differ), n*differ
		return logCapitalBelow(&c, delta) >= math.Log(1/alpha)
	}
	high := 1.0
	for !enough(high) {
		if high *= 2; high > most {
			return math.Inf(1)
		}
	}
	low := high / 2
	for high-low > 1 {
		if mid := (low + high) / 2; enough(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return math.Ceil(high)
}

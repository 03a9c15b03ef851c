package checks

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func TestStudent(t *testing.T) {
	t.Parallel()
	// R's qt(0.975, n)
	for degrees, want := range map[int]float64{4: 2.776445, 5: 2.570582, 9: 2.262157, 29: 2.04523, 99: 1.984217} {
		require.InDelta(t, want, student95(degrees), 0.01)
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	sorted := []float64{15, 20, 35, 40, 50}
	for p, want := range map[float64]float64{0.05: 15, 0.3: 20, 0.4: 20, 0.5: 35, 0.99: 50, 1: 50} {
		require.Equal(t, want, percentile(sorted, p), p)
	}
}

// raced gives a contender whose rounds took so many milliseconds a request.
func raced(rounds ...float64) *contender {
	c := &contender{colds: []time.Duration{time.Second}, memory: 1}
	for _, ms := range rounds {
		took := time.Duration(ms * float64(time.Millisecond))
		c.rounds = append(c.rounds, round{took: []time.Duration{took, took}, wall: 2 * took, cpu: ms / 1000})
	}
	return c
}

func TestAgainst(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		own, champion *contender
		want          string
	}{
		"the same":                          {raced(10, 11, 12, 10, 11), raced(10, 11, 12, 10, 11), "no worse: 1 times, from 1 to 1"},
		"faster":                            {raced(5, 5.1, 5, 5.2, 5), raced(10, 11, 10, 11, 10), "no worse: "},
		"twice as slow":                     {raced(20, 21, 20, 21, 20), raced(10, 10.1, 10, 10.2, 10), "worse: "},
		"slower by less than is borne with": {raced(11, 11.1, 11, 11.1, 11), raced(10, 10.1, 10, 10.1, 10), "no worse: "},
		"a noise that hides it":             {raced(10, 30, 9, 25, 8), raced(20, 9, 22, 10, 21), "inconclusive: "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, metric := range []string{"mean_ms", "throughput"} {
				report := models.Report{Facts: map[string]string{}}
				against(models.CompareSpec{Against: "production", NoWorseThan: 0.2, Metrics: []string{metric, "p99_9_ms"}}, tt.own, tt.champion, &report)
				require.Contains(t, report.Facts["compare "+metric], tt.want)
				require.Len(t, report.Findings, 1)
			}
		})
	}
}

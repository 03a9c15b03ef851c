package checks

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// maxPictures bounds the pictures that are held in memory to be asked in turn.
const maxPictures = 32

// loads gives what a version could be asked, the best first: the images of the
// step's data set, its input example, uniform noise.
func loads(ctx context.Context, s *validation.Subject, served *validation.Served, batch int) ([][]question, error) {
	if s.Step.Dataset != nil {
		load, err := pictures(ctx, s, batch)
		return [][]question{load}, err
	}
	single, err := questions(ctx, s, served, batch)
	if err != nil {
		return nil, err
	}
	var all [][]question
	for _, q := range single {
		all = append(all, []question{q})
	}
	return all, nil
}

// pictures asks a detector.
func pictures(ctx context.Context, s *validation.Subject, batch int) ([]question, error) {
	if batch > 1 {
		return nil, models.Errorf(models.KindInvalid, "batch is %d, and /detect takes one image: leave out batch, or the data set", batch)
	}
	_, images, err := s.Datasets.Open(ctx, *s.Step.Dataset)
	if err != nil {
		return nil, err
	}
	if len(images) == 0 {
		return nil, models.Errorf(models.KindInvalid, "%s holds no images", s.Step.Dataset)
	}
	var load []question
	for _, image := range images[:min(len(images), maxPictures)] {
		text, err := readFile(ctx, s, image.File)
		if err != nil {
			return nil, err
		}
		load = append(load, question{what: fmt.Sprintf("images of %s to /detect", s.Step.Dataset), sure: true, path: "/detect", body: text})
	}
	return load, nil
}

// round is what one version did in one round.
type round struct {
	took []time.Duration // of each request
	wall time.Duration
	cpu  float64 // seconds of the processor that slipway-serve took
}

// race loads the versions in turn, so that what else the machine does meets
// them all; who is first changes from round to round.
func race(ctx context.Context, s *validation.Subject, settings latencySettings, runners []*contender) error {
	for _, r := range runners {
		if _, err := r.fire(ctx, settings.Warmup, settings.Concurrency); err != nil {
			return err
		}
	}
	total, done := int64(settings.Rounds*len(runners)), int64(0)
	for n := range settings.Rounds {
		requests := (n+1)*settings.Requests/settings.Rounds - n*settings.Requests/settings.Rounds
		for i := range runners {
			r := runners[(i+n)%len(runners)]
			before, err := r.cpu(ctx)
			if err != nil {
				return err
			}
			one, err := r.fire(ctx, requests, settings.Concurrency)
			if err != nil {
				return err
			}
			after, err := r.cpu(ctx)
			if err != nil {
				return err
			}
			one.cpu = after - before
			r.rounds = append(r.rounds, one)
			_, _ = fmt.Fprintf(s.Log, "round %d: %s answered %d requests in %s\n", n+1, r.subject.Version.Ref(), requests, one.wall.Round(time.Microsecond))
			done++
			s.Progress(done, total, "rounds")
		}
	}
	for _, r := range runners {
		r.memory = r.served.Stop().PeakRSS
	}
	return nil
}

// fire sends requests, several at once: each client the next when the last is
// answered.
func (c *contender) fire(ctx context.Context, requests, concurrency int) (round, error) {
	r := round{took: make([]time.Duration, requests)}
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	since := stopwatch()
	for range min(concurrency, requests) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= requests {
					return nil
				}
				one := stopwatch()
				if err := c.load[i%len(c.load)].send(ctx, c.served); err != nil {
					return err
				}
				r.took[i] = one()
			}
		})
	}
	err := group.Wait()
	r.wall = since()
	return r, err
}

// send asks and does not look at the answer.
func (q question) send(ctx context.Context, served *validation.Served) error {
	status, body, err := served.Do(ctx, http.MethodPost, q.path, bytes.NewReader(q.body), q.header)
	if err == nil && status != http.StatusOK {
		return refusal(status, body)
	}
	return err
}

// cpu gives the processor time, in seconds, that slipway-serve has taken.
func (c *contender) cpu(ctx context.Context) (float64, error) {
	const name = "process_cpu_seconds_total "
	_, body, err := c.served.Do(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name); ok {
			return strconv.ParseFloat(text, 64)
		}
	}
	return 0, models.Errorf(models.KindInternal, "slipway-serve does not tell its processor time")
}

// figures are a version's, over all its rounds.
func (c *contender) figures() map[string]float64 {
	all := c.samples()
	var sum, wall, cpu float64
	for _, ms := range all {
		sum += ms
	}
	for _, r := range c.rounds {
		wall += r.wall.Seconds()
		cpu += r.cpu
	}
	n := float64(len(all))
	slices.Sort(c.colds)
	figures := map[string]float64{
		"p50_ms": percentile(all, 0.5), "p90_ms": percentile(all, 0.9), "mean_ms": sum / n, "max_ms": all[len(all)-1],
		"throughput": n / wall, "cold_start_ms": milliseconds(c.colds[len(c.colds)/2]),
		"cpu_ms": 1000 * cpu / n, "cpu_cores": cpu / wall, "requests": n,
	}
	if len(all) >= minTail {
		figures["p99_ms"] = percentile(all, 0.99)
	}
	if c.memory > 0 {
		figures["peak_memory_mb"] = float64(c.memory) / 1e6
	}
	return figures
}

// samples gives all times in milliseconds, in ascending order.
func (c *contender) samples() []float64 {
	var all []float64
	for _, r := range c.rounds {
		for _, took := range r.took {
			all = append(all, milliseconds(took))
		}
	}
	slices.Sort(all)
	return all
}

// percentile is the smallest sample that at least the share p of them do not
// exceed (the nearest rank).
func percentile(sorted []float64, p float64) float64 {
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}

// bars is how many a histogram has.
const bars = 40

// histogram draws the times of all versions over the same edges. Its last bar
// holds whatever is slower.
func histogram(runners []*contender) models.Chart {
	chart := models.Chart{
		Title: "Latency", Kind: models.ChartBars, X: "milliseconds", Y: "requests",
		About: "How many requests took how long; the last bar holds the slower ones too.",
	}
	least, most := math.Inf(1), 0.0
	for _, r := range runners {
		all := r.samples()
		least, most = min(least, all[0]), max(most, percentile(all, 0.99))
	}
	width := max(most-least, 1e-3) / bars
	for _, r := range runners {
		series := models.Series{Name: r.subject.Version.Ref(), X: make([]float64, bars), Y: make([]float64, bars)}
		for i := range bars {
			series.X[i] = least + float64(i)*width
		}
		for _, ms := range r.samples() {
			series.Y[min(bars-1, int((ms-least)/width))]++
		}
		chart.Series = append(chart.Series, series)
	}
	return chart
}

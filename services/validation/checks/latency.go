package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Latency measures how fast the version answers in slipway-serve, and what that
// takes of the machine.
type Latency struct{}

// latencySettings are the fields of a step.
type latencySettings struct {
	Concurrency int `json:"concurrency,omitempty" jsonschema:"minimum=1,maximum=256" jsonschema_description:"Clients of latency that each send the next request when the last is answered (1)."`
	Batch       int `json:"batch,omitempty" jsonschema:"minimum=0,maximum=4096" jsonschema_description:"Rows of a request of latency; 0, the default, takes the input example as it is, and one row of noise."`
	Requests    int `json:"requests,omitempty" jsonschema:"minimum=10,maximum=1000000" jsonschema_description:"Requests of latency that are measured, over all rounds (500); 300 or more for p99_ms."`
	Rounds      int `json:"rounds,omitempty" jsonschema:"minimum=1,maximum=100" jsonschema_description:"Rounds of latency, in turn with the version that it is compared with (10)."`
	Warmup      int `json:"warmup,omitempty" jsonschema:"minimum=0,maximum=100000" jsonschema_description:"Requests of latency before the first that is measured (20)."`
	Starts      int `json:"starts,omitempty" jsonschema:"minimum=1,maximum=20" jsonschema_description:"How often latency starts slipway-serve anew; the median is cold_start_ms (3)."`
	Threads     int `json:"threads,omitempty" jsonschema:"minimum=1,maximum=256" jsonschema_description:"Inference threads of slipway-serve under latency, as serving.threads (1)."`
}

// minTail is how many samples a p99 needs: of 300, one lies above the true
// 99th percentile with a certainty of 95 % (1 - 0.99^300).
const minTail = 300

// Declare implements validation.Check.
func (Latency) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "latency", About: "how fast it answers, and what that takes of the machine.", Dataset: pipeline.Optional, Alone: true,
		Compare:  []string{"p50_ms", "p90_ms"},
		Settings: latencySettings{Concurrency: 1, Requests: 500, Rounds: 10, Warmup: 20, Starts: 3, Threads: 1},
		Measures: []pipeline.Measure{
			{Name: "p50_ms", Lower: true, About: "half of the requests were answered within it, in milliseconds"},
			{Name: "p90_ms", Lower: true, About: "nine of ten were"},
			{Name: "p99_ms", Lower: true, About: "99 of 100 were; from 300 requests or more"},
			{Name: "mean_ms", Lower: true, About: "the mean"},
			{Name: "max_ms", Lower: true, About: "the slowest"},
			{Name: "throughput", About: "answers a second"},
			{Name: "cold_start_ms", Lower: true, About: "from the start of slipway-serve to its first inference; the median of several starts"},
			{Name: "peak_memory_mb", Lower: true, About: "the most memory that slipway-serve held, in MB"},
			{Name: "cpu_ms", Lower: true, About: "processor time of a request, in milliseconds"},
			{Name: "cpu_cores", Lower: true, About: "cores kept busy meanwhile"},
			{Name: "requests", About: "requests measured"},
		},
	}
}

// Run implements validation.Check.
func (l Latency) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	report := models.Report{Facts: map[string]string{"hardware": validation.ReadMachine().String()}, Compared: true}
	var settings latencySettings
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	if err := settings.enough(s.Step); err != nil {
		return report, err
	}
	own, err := start(ctx, s, settings, nil)
	if no := (*refusedError)(nil); errors.As(err, &no) && no.fault {
		report.Findings = append(report.Findings, problem("model", "%s", no.message))
		return report, nil
	}
	if err != nil {
		return report, err
	}
	defer own.served.Stop()
	runners := []*contender{own}
	champion, found, err := l.champion(ctx, s, settings, own)
	report.Findings = append(report.Findings, found...)
	if err != nil {
		return report, err
	}
	if champion != nil {
		defer champion.served.Stop()
		runners = append(runners, champion)
		report.Facts["champion"] = champion.subject.Version.Ref() + ", measured in turn with this version"
	}
	report.Facts["request"] = own.what
	report.Facts["runtime"] = own.served.Facts.Runtime
	report.Facts["load"] = fmt.Sprintf("%d at once, %d threads; %d requests in %d rounds after %d to warm up", settings.Concurrency, settings.Threads, settings.Requests, settings.Rounds, settings.Warmup)
	err = race(ctx, s, settings, runners)
	if no := (*refusedError)(nil); errors.As(err, &no) && no.fault {
		report.Findings = append(report.Findings, problem("model", "under load: %s", no.message))
		return report, nil
	}
	if err != nil {
		return report, err
	}
	l.report(&report, runners)
	if champion != nil {
		against(*s.Step.Compare, own, champion, &report)
	}
	return report, nil
}

// enough refuses to judge by fewer samples than the step's questions need.
func (l latencySettings) enough(step models.StepSpec) error {
	tail := slices.ContainsFunc(step.Thresholds, func(t models.Threshold) bool { return t.Metric == "p99_ms" }) ||
		step.Compare != nil && slices.Contains(step.Compare.Metrics, "p99_ms")
	if tail && l.Requests < minTail {
		return models.Errorf(models.KindInvalid, "%d requests are too few to judge p99_ms: set requests to %d or more", l.Requests, minTail)
	}
	if step.Compare != nil && l.Rounds < minRounds {
		return models.Errorf(models.KindInvalid, "%d rounds are too few to compare by: set rounds to %d or more", l.Rounds, minRounds)
	}
	return nil
}

// champion starts what an environment runs, where it is to be compared with.
func (Latency) champion(ctx context.Context, s *validation.Subject, settings latencySettings, own *contender) (*contender, []models.Finding, error) {
	if s.Step.Compare == nil {
		return nil, nil, nil
	}
	against := s.Step.Compare.Against
	subject, err := s.Champion(ctx, against)
	switch {
	case err != nil:
		return nil, nil, err
	case subject == nil:
		return nil, []models.Finding{info(against, "%s runs no version yet: nothing to compare with, which does not block", against)}, nil
	case subject.Version.ID == s.Version.ID:
		return nil, []models.Finding{info(against, "%s runs this very version", against)}, nil
	}
	champion, err := start(ctx, subject, settings, own.load)
	broken, refused := (*validation.BrokenError)(nil), (*refusedError)(nil)
	if errors.As(err, &broken) || errors.As(err, &refused) {
		return nil, []models.Finding{warning(against, "%s, which %s runs, cannot be asked the same (%s): nothing to compare with", subject.Version.Ref(), against, err)}, nil
	}
	return champion, nil, err
}

// report makes measurements and the chart of the rounds.
func (Latency) report(report *models.Report, runners []*contender) {
	figures := make([]map[string]float64, len(runners))
	for i, r := range runners {
		figures[i] = r.figures()
	}
	for _, m := range (Latency{}).Declare().Measures {
		value, ok := figures[0][m.Name]
		if !ok {
			continue
		}
		measured := models.Measurement{Name: m.Name, Value: value}
		if len(figures) > 1 && m.Name != "requests" {
			if other, ok := figures[1][m.Name]; ok {
				measured.Champion = &other
			}
		}
		report.Measurements = append(report.Measurements, measured)
	}
	report.Figures.Charts = append(report.Figures.Charts, histogram(runners))
}

// contender is one version under load.
type contender struct {
	subject *validation.Subject
	served  *validation.Served
	load    []question // asked in turn
	what    string     // the load in words
	colds   []time.Duration
	rounds  []round
	memory  int64 // the most bytes it held
}

// start starts a version, several times, and finds what to ask it unless that
// is given. A model that fails on it is a *refusedError.
func start(ctx context.Context, s *validation.Subject, settings latencySettings, load []question) (*contender, error) {
	c := &contender{subject: s, load: load}
	for n := 0; ; n++ {
		served, err := s.ServeWith(ctx, validation.ServeOptions{Threads: settings.Threads})
		if err != nil {
			return nil, err
		}
		c.served = served
		first, err := c.first(ctx, settings)
		if err != nil {
			served.Stop()
			return nil, err
		}
		c.colds = append(c.colds, served.Loaded+first)
		if n+1 == settings.Starts {
			return c, nil
		}
		served.Stop()
	}
}

// first asks for the first time and tells how long that took.
func (c *contender) first(ctx context.Context, settings latencySettings) (time.Duration, error) {
	if c.load != nil {
		since := stopwatch()
		err := c.load[0].send(ctx, c.served)
		return since(), err
	}
	candidates, err := loads(ctx, c.subject, c.served, settings.Batch)
	if err != nil {
		return 0, err
	}
	var refused []string
	for _, load := range candidates {
		since := stopwatch()
		err := load[0].send(ctx, c.served)
		took := since()
		var no *refusedError
		if errors.As(err, &no) && (!no.fault || !load[0].sure) {
			refused = append(refused, load[0].what+": "+no.message)
			continue
		}
		c.load, c.what = load, load[0].what
		return took, err
	}
	return 0, models.Errorf(models.KindUnsupported,
		"the model could not be asked (%s): log it with an input_example, or name a data set of images", strings.Join(refused, "; "))
}

// stopwatch gives what tells the time since.
func stopwatch() func() time.Duration {
	begin := time.Now() //nolint:forbidigo // a duration, not a rule
	return func() time.Duration { return time.Since(begin) }
}

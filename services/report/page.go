package report

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

//go:embed page.html
var pageText string

//go:embed page.css
var style string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"number": number, "moment": moment, "lasting": lasting,
	"style": func() template.CSS { return template.CSS(style) }, //nolint:gosec // a file of this package
}).Parse(pageText))

// Page is what the page shows.
type Page struct {
	models.Validation
	Slipway  string
	Made     string
	Accepted bool
	Verdict  string
	Reasons  []string
	Judged   []Judged
	Findings []Group
	Sections []Section
	Repeat   *models.Repeat
	Machine  []Fact
	Champion bool // some figure stands beside a champion's
}

// Judged is a figure that was asked for something, or compared.
type Judged struct {
	Step string
	models.Measurement
	Delta string // to the champion's
}

// Group is the findings of one severity.
type Group struct {
	Severity models.Severity
	Found    []Found
}

// Found is a finding with its step.
type Found struct {
	Step string
	models.Finding
}

// Section is a step.
type Section struct {
	models.StepResult
	Number  int
	Verdict string
	Waived  bool // now

	Blameless bool   // it did not pass, and that counts for nothing
	Began     string // after the validation did: steps that ran at once show
	Took      string
	Figures   []models.Measurement
	Charts    []Drawn
	Pictures  []Shown
	Left      int // pictures left out
	About     []Fact
	Given     []Fact
	Tail      string
}

// Fact is a name and what it holds.
type Fact struct{ Name, Value string }

// HTML writes the page of a validation.
func (s Service) HTML(ctx context.Context, w io.Writer, id int64) error {
	v, err := s.Source.Get(ctx, id)
	if err != nil {
		return err
	}
	p, err := s.page(ctx, v)
	if err != nil {
		return err
	}
	if err := page.Execute(w, p); err != nil {
		return fmt.Errorf("write the page of validation %d: %w", id, err)
	}
	return nil
}

func (s Service) page(ctx context.Context, v models.Validation) (Page, error) {
	now, err := s.Source.Now(ctx)
	if err != nil {
		return Page{}, err
	}
	p := Page{
		Validation: v, Slipway: s.Version, Made: moment(now), Accepted: v.Accepted(now), Verdict: string(v.State), Machine: facts(v.Machine),
	}
	if p.Repeat, err = s.Source.Repeat(ctx, v); err != nil {
		return p, err
	}
	room := int64(maxInlined)
	for _, step := range v.Steps {
		section, err := s.section(ctx, step, &room)
		if err != nil {
			return p, err
		}
		if v.StartedAt != nil && step.StartedAt != nil {
			section.Began = "+" + lasting(v.StartedAt, step.StartedAt)
		}
		section.Blameless = blameless(step)
		section.Waived = step.Verdict == models.VerdictFailed && step.Waiver.Holds(now)
		p.Sections = append(p.Sections, section)
		if step.Reason != "" && !step.Excused && (step.Verdict == models.VerdictFailed || step.Verdict == models.VerdictErrored) {
			p.Reasons = append(p.Reasons, step.Name+": "+step.Reason)
		}
		for _, m := range step.Measurements {
			if m.Threshold != "" || m.Champion != nil {
				p.Judged = append(p.Judged, judged(step.Name, m))
				p.Champion = p.Champion || m.Champion != nil
			}
		}
	}
	if len(p.Reasons) == 0 && v.Reason != "" {
		p.Reasons = []string{v.Reason}
	}
	p.Findings = grouped(v.Steps)
	return p, nil
}

// blameless tells of a step that did not pass, which counts for nothing.
func blameless(step models.StepResult) bool {
	return step.Excused && (step.Verdict == models.VerdictFailed || step.Verdict == models.VerdictErrored)
}

func judged(step string, m models.Measurement) Judged {
	j := Judged{Step: step, Measurement: m}
	if m.Champion != nil {
		j.Delta = signed(m.Value - *m.Champion)
	}
	return j
}

// grouped gives the findings of all steps by severity, the worst first. What a
// threshold says stands in the table of thresholds.
func grouped(steps []models.StepResult) []Group {
	groups := []Group{{Severity: models.SeverityError}, {Severity: models.SeverityWarning}, {Severity: models.SeverityInfo}}
	for _, step := range steps {
		for _, f := range step.Findings {
			i := slices.IndexFunc(groups, func(g Group) bool { return g.Severity == f.Severity })
			if i >= 0 && f.Rule != ruleThreshold {
				groups[i].Found = append(groups[i].Found, Found{step.Name, f})
			}
		}
	}
	return slices.DeleteFunc(groups, func(g Group) bool { return len(g.Found) == 0 })
}

func (s Service) section(ctx context.Context, step models.StepResult, room *int64) (Section, error) {
	section := Section{
		StepResult: step, Number: step.Index + 1, Verdict: cmp.Or(string(step.Verdict), "pending"), Took: lasting(step.StartedAt, step.EndedAt),
		Figures: step.Measurements, About: facts(step.Facts), Given: facts(step.Inputs),
	}
	if step.Verdict == "" && step.StartedAt != nil {
		section.Verdict = "running"
	}
	drawn, err := s.figures(ctx, step)
	if err != nil {
		return section, err
	}
	for _, c := range drawn.Charts {
		section.Charts = append(section.Charts, draw(c))
	}
	if section.Pictures, err = s.pictures(ctx, step, drawn.Pictures, room); err != nil {
		return section, err
	}
	section.Left = len(drawn.Pictures) - len(section.Pictures)
	if step.Verdict == models.VerdictFailed || step.Verdict == models.VerdictErrored {
		section.Tail, err = s.tail(ctx, step)
	}
	return section, err
}

// facts gives a map's entries by name, in words.
func facts(from map[string]string) []Fact {
	var list []Fact
	for _, name := range slices.Sorted(maps.Keys(from)) {
		list = append(list, Fact{strings.ReplaceAll(name, "_", " "), from[name]})
	}
	return list
}

// The end of a log that the page shows.
const (
	tailBytes = 6 << 10
	tailLines = 40
)

// tail reads the end of a step's log.
func (s Service) tail(ctx context.Context, step models.StepResult) (string, error) {
	log, err := s.Source.Log(ctx, step, 0)
	if models.IsKind(err, models.KindNotFound) || models.IsKind(err, models.KindUnavailable) {
		return "", nil // a report says what it can
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = log.Close() }()
	keep := make([]byte, 0, 2*tailBytes)
	chunk := make([]byte, tailBytes)
	for {
		n, err := log.Read(chunk)
		if keep = append(keep, chunk[:n]...); len(keep) > tailBytes {
			keep = append(keep[:0], keep[len(keep)-tailBytes:]...)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("read the log of step %q: %w", step.Name, err)
		}
	}
	lines := strings.Split(strings.TrimRight(strings.ToValidUTF8(string(keep), "\uFFFD"), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n"), nil
}

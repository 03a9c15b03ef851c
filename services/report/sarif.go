package report

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/models"
)

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// The objects of SARIF 2.1.0 that a report has (OASIS, section 3).
type (
	sarifLog struct {
		Version string     `json:"version"`
		Schema  string     `json:"$schema"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool            `json:"tool"`
		Automation  sarifAutomation      `json:"automationDetails"`
		Invocations []sarifInvocation    `json:"invocations"`
		Bases       map[string]sarifBase `json:"originalUriBaseIds"`
		Results     []sarifResult        `json:"results"`
		Properties  map[string]any       `json:"properties,omitempty"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID            string       `json:"id"`
		Short         sarifText    `json:"shortDescription"`
		Configuration *sarifConfig `json:"defaultConfiguration,omitempty"`
	}
	sarifConfig struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Start         string              `json:"startTimeUtc,omitempty"`
		End           string              `json:"endTimeUtc,omitempty"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifBase struct {
		Description sarifText `json:"description"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"name"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
)

// The bases of locations: the version's files, and the pipeline for what is in
// no file.
const (
	baseModel    = "MODEL"
	basePipeline = "PIPELINE"
	pipelineFile = "slipway.yaml"
)

// levels are SARIF's for severities.
var levels = map[models.Severity]string{models.SeverityError: "error", models.SeverityWarning: "warning", models.SeverityInfo: "note"}

// SARIF writes the findings of a validation for code scanning.
func (s Service) SARIF(ctx context.Context, w io.Writer, id int64) error {
	v, err := s.Source.Get(ctx, id)
	if err != nil {
		return err
	}
	now, err := s.Source.Now(ctx)
	if err != nil {
		return err
	}
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "Slipway", Version: s.Version, Rules: []sarifRule{}}},
		Automation: sarifAutomation{fmt.Sprintf("slipway/%s/validation/%d", url.PathEscape(v.Model), v.ID)},
		Bases: map[string]sarifBase{
			baseModel:    {sarifText{fmt.Sprintf("The files of %s version %d.", v.Model, v.Version)}},
			basePipeline: {sarifText{fmt.Sprintf("The folder of the pipeline of %s, revision %d.", v.Model, v.Revision)}},
		},
		Results:    []sarifResult{},
		Properties: map[string]any{"model": v.Model, "version": v.Version, "validation": v.ID, "state": v.State, "accepted": v.Accepted(now)},
	}
	invocation := sarifInvocation{Successful: v.State == models.ValidationPassed || v.State == models.ValidationFailed, Start: utc(v.StartedAt), End: utc(v.EndedAt)}
	for _, step := range v.Steps {
		if step.Verdict == models.VerdictErrored || step.Verdict == models.VerdictSkipped {
			level := "error"
			if step.Excused {
				level = "note"
			}
			invocation.Successful = invocation.Successful && step.Excused
			invocation.Notifications = append(invocation.Notifications, sarifNotification{level, sarifText{fmt.Sprintf("step %s is %s: %s", step.Name, step.Verdict, step.Reason)}})
		}
		for _, f := range step.Findings {
			if _, test := tested(f); !test || f.Severity != models.SeverityInfo { // a test that passed is no alert
				run.add(step, f, now)
			}
		}
	}
	run.Invocations = []sarifInvocation{invocation}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(sarifLog{Version: "2.1.0", Schema: sarifSchema, Runs: []sarifRun{run}})
}

func utc(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (r *sarifRun) add(step models.StepResult, f models.Finding, now time.Time) {
	id := orElse(step.Check, "run") + "/" + orElse(f.Rule, "finding")
	rules := &r.Tool.Driver.Rules
	at := slices.IndexFunc(*rules, func(rule sarifRule) bool { return rule.ID == id })
	if at < 0 {
		at = len(*rules)
		*rules = append(*rules, sarifRule{
			ID: id, Short: sarifText{fmt.Sprintf("What %s finds: %s.", orElse(step.Check, "a run: step"), orElse(f.Rule, "finding"))},
			Configuration: &sarifConfig{levels[f.Severity]},
		})
	}
	text := f.Message
	if f.Remedy != "" {
		text += " Remedy: " + f.Remedy
	}
	result := sarifResult{RuleID: id, RuleIndex: at, Level: levels[f.Severity], Message: sarifText{text}, Locations: []sarifLocation{whereOf(f.Where)}}
	if w := step.Waiver; step.Verdict == models.VerdictFailed && w.Holds(now) && f.Severity == models.SeverityError {
		result.Suppressions = []sarifSuppression{{
			"external", "accepted", fmt.Sprintf("%s (waived by %s until %s)", w.Reason, w.By, w.ExpiresAt.Format(time.RFC3339)),
		}}
	}
	if blameless(step) {
		result.Suppressions = []sarifSuppression{{"external", "accepted", "the step has continue_on_error"}}
	}
	r.Results = append(r.Results, result)
}

// whereOf places a finding in a file of the version, or else in the pipeline,
// which asked.
func whereOf(where string) sarifLocation {
	place, line := location(where)
	var l sarifLocation
	if isFile(place) {
		l.Physical.Artifact = sarifArtifact{(&url.URL{Path: place}).String(), baseModel}
	} else {
		l.Physical.Artifact = sarifArtifact{pipelineFile, basePipeline}
	}
	if line > 0 {
		l.Physical.Region = &sarifRegion{line}
	}
	if where != "" && where != place || !isFile(place) && place != "" {
		l.Logical = []sarifLogical{{where}}
	}
	return l
}

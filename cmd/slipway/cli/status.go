package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Status is the command slipway status.
type Status struct {
	Remote
	Model    string `arg:"" help:"The registered model."`
	Versions int    `default:"10" help:"The newest so many versions."`
}

// Run shows.
func (c *Status) Run(ctx context.Context, s *Streams) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	versions, err := c.versions(ctx)
	if err != nil {
		return err
	}
	environments, err := answer[client.EnvironmentList](api.ListEnvironments(ctx, c.Model))
	if err != nil && !refusedAs(err, "RESOURCE_DOES_NOT_EXIST") { // a model without a pipeline has none
		return err
	}
	rows := [][]string{{"ENVIRONMENT", "VERSION", "RELEASE", "TRAFFIC", "STATE", "READY", "REQUESTS", "ERRORS"}}
	var notes []string
	for _, e := range environments.Items {
		rows = append(rows, traffic(e)...)
		notes = append(notes, remarks(e)...)
	}
	if len(rows) > 1 {
		table(s.Out, rows)
		s.printf("")
	}
	for _, note := range notes {
		s.printf("%s", note)
	}
	if len(notes) > 0 {
		s.printf("")
	}
	rows = [][]string{{"VERSION", "ALIASES", "VALIDATION", "WHY"}}
	for _, v := range versions {
		state, why := "none", ""
		if last, err := latestValidation(ctx, api, c.Model, v.Version); err == nil {
			state, why = string(last.State), oneLine(last.Reason)
			if last.Accepted && last.State != client.ValidationStatePassed {
				state += ", waived"
				why += waivers(last)
			}
		} else if ctx.Err() != nil {
			return err
		}
		rows = append(rows, []string{v.Version, or(strings.Join(v.Aliases, ", "), "-"), state, why})
	}
	table(s.Out, rows)
	return nil
}

// waivers tells who answers for what failed.
func waivers(v client.Validation) string {
	var text strings.Builder
	for _, step := range v.Steps {
		if w := step.Waiver; w.Active {
			_, _ = fmt.Fprintf(&text, " (%s waived by %s until %s: %s)", step.Name, w.By, moment(w.ExpiresAt), oneLine(w.Reason))
		}
	}
	return text.String()
}

// registered is a model version as MLflow's API has it.
type registered struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Aliases []string `json:"aliases"`
}

func (c *Status) versions(ctx context.Context) ([]registered, error) {
	type model struct {
		Model struct {
			Aliases []struct {
				Alias   string `json:"alias"`
				Version string `json:"version"`
			} `json:"aliases"`
		} `json:"registered_model"`
	}
	found, err := mlflow[model](ctx, &c.Remote, http.MethodGet, "registered-models/get", url.Values{"name": {c.Model}}, nil)
	if err != nil {
		return nil, err
	}
	type page struct {
		Versions []registered `json:"model_versions"`
	}
	list, err := mlflow[page](ctx, &c.Remote, http.MethodGet, "model-versions/search", url.Values{
		"filter": {named(c.Model)}, "max_results": {strconv.Itoa(c.Versions)}, "order_by": {"version_number DESC"},
	}, nil)
	list.Versions = slices.DeleteFunc(list.Versions, func(v registered) bool { return v.Name != c.Model })
	for i, v := range list.Versions {
		list.Versions[i].Aliases = nil
		for _, a := range found.Model.Aliases {
			if a.Version == v.Version {
				list.Versions[i].Aliases = append(list.Versions[i].Aliases, a.Alias)
			}
		}
	}
	return list.Versions, err
}

// named is the filter for a model's name. MLflow's filters escape nothing: a
// name with both kinds of quotes is found by its pattern.
func named(model string) string {
	switch {
	case !strings.Contains(model, "'"):
		return "name = '" + model + "'"
	case !strings.Contains(model, `"`):
		return `name = "` + model + `"`
	}
	return "name LIKE '" + strings.ReplaceAll(model, "'", "_") + "'"
}

func traffic(e client.Environment) [][]string {
	if len(e.Traffic) == 0 {
		return [][]string{{e.Name, "-", "-", "-", "nothing live"}}
	}
	var rows [][]string
	name := e.Name
	for _, t := range e.Traffic {
		errors := strconv.FormatInt(t.Errors, 10)
		if t.Requests > 0 {
			errors += fmt.Sprintf(" (%.2f %%)", 100*float64(t.Errors)/float64(t.Requests))
		}
		rows = append(rows, []string{
			name, t.Version, strconv.FormatInt(t.Release, 10), strconv.Itoa(t.Weight) + " %", spaced(string(t.State)),
			fmt.Sprintf("%d of %d", t.Ready, t.Replicas), strconv.FormatInt(t.Requests, 10), errors,
		})
		name = ""
	}
	return rows
}

// remarks says what a person should know of an environment beside its traffic.
func remarks(e client.Environment) []string {
	var notes []string
	if p := e.Promotion; p.Id != 0 && p.State != client.PromotionStateSucceeded {
		note := fmt.Sprintf("%s: promotion %d of version %s: %s", e.Name, p.Id, p.Version, spaced(string(p.State)))
		if p.Reason != "" {
			note += ": " + oneLine(p.Reason)
		}
		notes = append(notes, note)
	}
	if e.WarmRelease != 0 {
		notes = append(notes, fmt.Sprintf("%s: release %d is warm until %s; slipway rollback %s --env %s brings it back at once", e.Name, e.WarmRelease, moment(e.WarmUntil), e.Model, e.Name))
	}
	for _, q := range e.Quarantined {
		notes = append(notes, fmt.Sprintf("%s: version %s is quarantined: %s", e.Name, q.Version, oneLine(q.Reason)))
	}
	for _, t := range e.Traffic {
		if t.Reason != "" {
			notes = append(notes, fmt.Sprintf("%s: release %d: %s", e.Name, t.Release, oneLine(t.Reason)))
		}
	}
	return notes
}

package cli

import (
	"context"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Audit is the command slipway audit.
type Audit struct {
	Remote
	Model  string `arg:"" optional:"" help:"Only decisions about this registered model."`
	Env    string `help:"Only decisions about this environment."`
	Action string `help:"Only this action, such as promotion.requested."`
	Limit  int    `default:"50" help:"The newest so many, up to 1000."`
}

// Run prints the decisions.
func (a *Audit) Run(ctx context.Context, s *Streams) error {
	api, err := a.api()
	if err != nil {
		return err
	}
	list, err := answer[client.AuditList](api.ListAudit(ctx, &client.ListAuditParams{
		Model: set(a.Model), Environment: set(a.Env), Action: set(a.Action), MaxResults: set(a.Limit),
	}))
	if err != nil {
		return err
	}
	rows := [][]string{{"WHEN", "WHO", "FROM", "WHAT", "MODEL", "VERSION", "ENVIRONMENT", "WHY"}}
	for _, r := range list.Items {
		rows = append(rows, []string{moment(r.At), r.Principal, or(r.From, "-"), r.Action, or(r.Model, "-"), or(r.Version, "-"), or(r.Environment, "-"), oneLine(r.Reason)})
	}
	table(s.Out, rows)
	return nil
}

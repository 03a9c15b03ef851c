package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Validation is the command slipway validation.
type Validation struct {
	Report ValidationReport `cmd:"" help:"Save the report of a validation."`
}

// ValidationReport is the command slipway validation report.
type ValidationReport struct {
	Remote
	ID     int64  `arg:"" name:"id" help:"The validation."`
	Format string `enum:"html,junit,sarif,json" default:"html" help:"html, junit, sarif or json."`
	Output string `short:"o" type:"path" placeholder:"FILE" help:"Where to write it (default: standard output)."`
}

// Help tells more.
func (*ValidationReport) Help() string {
	return `html is one page that needs nothing else; junit is what Jenkins, Azure Pipelines
and GitHub show as tests; sarif is for code scanning.`
}

// Run saves it.
func (r *ValidationReport) Run(ctx context.Context, s *Streams) error {
	api, err := r.api()
	if err != nil {
		return err
	}
	text, err := read(r.open(ctx, api))
	if err != nil {
		return err
	}
	if r.Format == "json" {
		var nice bytes.Buffer
		if err := json.Indent(&nice, text, "", "  "); err != nil {
			return err
		}
		text = append(bytes.TrimRight(nice.Bytes(), "\n"), '\n')
	}
	if r.Output == "" {
		_, err = s.Out.Write(text)
		return err
	}
	if err := os.WriteFile(r.Output, text, 0o644); err != nil { //nolint:gosec // a report is for others to read
		return fmt.Errorf("save the report: %w", err)
	}
	s.printf("validation %d is in %s", r.ID, r.Output)
	return nil
}

func (r *ValidationReport) open(ctx context.Context, api *client.Client) (*http.Response, error) {
	switch r.Format {
	case "junit":
		return api.GetValidationJUnit(ctx, r.ID)
	case "sarif":
		return api.GetValidationSARIF(ctx, r.ID)
	case "json":
		return api.GetValidation(ctx, r.ID, &client.GetValidationParams{})
	}
	return api.GetValidationPage(ctx, r.ID)
}

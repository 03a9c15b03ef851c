package observability

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
)

// dashboard is what of Grafana's JSON asks Prometheus something.
type dashboard struct {
	Panels []struct {
		ID      int
		Title   string
		Targets []struct{ Expr string }
	}
	Templating struct {
		List []struct {
			Name, Type string
			Query      json.RawMessage
		}
	}
}

func readDashboard(t *testing.T, file string) dashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testbed.Root(t), "deploy", "grafana", "dashboards", file))
	require.NoError(t, err)
	var d dashboard
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// queries are the panels' and the variables', as Grafana sends them for one
// model and environment.
func (d dashboard) queries(t *testing.T, model, environment string) map[string]string {
	t.Helper()
	fill := strings.NewReplacer("$model", model, "$environment", environment, "$metric", ".*", "$instance", ".*", "$__rate_interval", "15s")
	queries := map[string]string{}
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			queries[panel.Title+": "+target.Expr] = fill.Replace(target.Expr)
		}
	}
	for _, variable := range d.Templating.List {
		if variable.Type != "query" {
			continue
		}
		var asked struct{ Query string }
		require.NoError(t, json.Unmarshal(variable.Query, &asked))
		parts := labelValues.FindStringSubmatch(asked.Query)
		require.NotNil(t, parts, asked.Query)
		queries["variable "+variable.Name] = fill.Replace("count by (" + parts[2] + ") (" + parts[1] + ")")
	}
	return queries
}

package docs_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/api"
	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/tests/testbed"
)

var (
	heading    = regexp.MustCompile("(?m)^\\| under `([^`]+)` \\|")
	documented = regexp.MustCompile("`(GET|POST|PUT|PATCH|DELETE) ([^`]+)`")
)

func TestTheMLflowPageAndTheRouterTellTheSame(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(testbed.Root(t), "docs", "mlflow.md"))
	require.NoError(t, err)
	page := map[string]bool{}
	base := ""
	for line := range strings.Lines(string(text)) {
		if found := heading.FindStringSubmatch(line); found != nil {
			base = found[1]
		}
		if !strings.HasPrefix(line, "|") {
			base = ""
		}
		for _, route := range documented.FindAllStringSubmatch(line, -1) {
			if strings.HasPrefix(route[2], "/") {
				continue // none below /api, such as OpenTelemetry's
			}
			page[route[1]+" /api/"+base+route[2]] = true
		}
	}

	engine, err := api.New(api.Handlers{Registry: prometheus.NewRegistry(), V1: &v1.Server{}}, api.Options{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	router := map[string]bool{}
	for _, route := range engine.Routes() {
		name := route.Method + " " + route.Path
		if regexp.MustCompile(`^/api/[23]\.0/`).MatchString(route.Path) {
			router[name] = true
		}
	}
	require.Equal(t, router, page)
}

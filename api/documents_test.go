package api

import (
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	v1 "github.com/slipway-ml/slipway/api/v1"
	"github.com/slipway-ml/slipway/openapi"
)

// byHand are the paths of MLflow's API and UI, which docs/mlflow.md tells of.
var byHand = regexp.MustCompile(`^/(api|ajax-api)/\d\.\d|^/(get-artifact|model-versions/get-artifact|graphql|v1/traces)$|^/$|^/static-files/`)

func routesOf(t *testing.T) gin.RoutesInfo {
	t.Helper()
	engine, err := New(Handlers{Registry: prometheus.NewRegistry(), V1: &v1.Server{}}, Options{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return engine.Routes()
}

func TestTheRouterAndTheDocumentTellTheSame(t *testing.T) {
	t.Parallel()
	routed := map[string]bool{}
	for _, r := range routesOf(t) {
		if !byHand.MatchString(r.Path) && r.Method != http.MethodHead {
			routed[r.Method+" "+strings.Replace(r.Path, "/serve/*path", "/serve/:model/:environment/:path", 1)] = true
		}
	}

	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	documented := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			documented[method+" "+strings.NewReplacer("{", ":", "}", "").Replace(path)] = true
		}
	}
	require.Equal(t, slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(routed)))
}

package observability

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

type rule struct{ Record, Alert, Expr string }

// rules are those of deploy/prometheus.
func rules(t *testing.T) (all []rule) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testbed.Root(t), "deploy", "prometheus", "rules.yml"))
	require.NoError(t, err)
	var file struct{ Groups []struct{ Rules []rule } }
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// series are the names of what a query reads.
var series = regexp.MustCompile(`\b(?:instance:slipway|release:slipway|slipway|go_sql)_[a-z0-9_:]+\b`)

// The database, the artifact store, jobs, webhooks and garbage of a server on
// Postgres and S3 are seen; each rule reads what is there; and where something
// is wrong its alert fires.
func TestStorageAndJobsAreWatched(t *testing.T) {
	t.Parallel()
	cluster, bucket := postgres.Start(t), s3.Start(t)
	w := world.Start(t, func(c *config.Config) {
		c.BackendStoreURI = postgres.Fresh(t, cluster.URI)
		c.ArtifactsDestination, c.S3Endpoint = bucket.Address(t), bucket.URL
		c.Database.Slow = time.Nanosecond
		c.WebhookAllowedSchemes, c.WebhookAllowPrivateIPs, c.WebhookTimeoutSeconds = []string{"http"}, true, 5
	})
	p := startPrometheus(t, w.URL)
	deaf := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }))
	t.Cleanup(deaf.Close)
	w.OK("POST", "/api/2.0/mlflow/webhooks", map[string]any{"name": "deaf", "url": deaf.URL, "events": []any{map[string]any{"entity": "REGISTERED_MODEL", "action": "CREATED"}}})
	use(t, w)
	for name, query := range readDashboard(t, "storage.json").queries(t, "", "") {
		p.eventually(t, query)
		t.Log("data for", name)
	}
	for _, r := range rules(t) {
		if strings.HasPrefix(r.Record, "instance:") {
			p.eventually(t, r.Record)
		}
		for _, name := range series.FindAllString(r.Expr, -1) {
			if !perRelease.MatchString(name) {
				p.eventually(t, "count("+name+")")
			}
		}
	}
	p.fires(t, "SlipwaySlowStatements")
	p.fires(t, "SlipwayWebhookDeliveriesFailing")

	bucket.Stop()
	p.fires(t, "SlipwayStoreFailing")
	p.fires(t, "SlipwayStoreAway")
	cluster.Stop(t)
	p.fires(t, "SlipwayDatabaseAway")
	cluster.Again(t)
	require.Eventually(t, func() bool { return len(p.query(t, `ALERTS{alertname="SlipwayDatabaseAway"}`)) == 0 }, time.Minute, 300*time.Millisecond)
}

// use keeps the server busy until the test ends; what it asks may fail.
func use(t *testing.T, w *world.World) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for t.Context().Err() == nil {
			w.Do("POST", "/api/2.0/mlflow/registered-models/create", map[string]any{"name": uuid.NewString()})
			var made struct {
				Run struct {
					Info struct {
						RunID string `json:"run_id"`
					}
				}
			}
			_ = json.Unmarshal(w.Do("POST", "/api/2.0/mlflow/runs/create", map[string]any{"experiment_id": "0"}).Body, &made)
			id := made.Run.Info.RunID
			w.Do("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/"+id+"/artifacts/x", []byte("1"))
			w.Do("GET", "/api/2.0/mlflow-artifacts/artifacts/0/"+id+"/artifacts/x", nil)
			w.Do("POST", "/api/2.0/mlflow/runs/delete", map[string]any{"run_id": id})
			w.Do("POST", "/api/v1/gc", map[string]any{"older_than": "0s"})
			time.Sleep(300 * time.Millisecond)
		}
	}()
	t.Cleanup(func() { <-ended })
}

// perRelease are the series that only a release has; TestEveryQuery… has one.
var perRelease = regexp.MustCompile(`^(release:|slipway_gateway|slipway_release|slipway_serve)`)

// fires waits until an alert's condition is so; how long it must be so before
// it is told is promtool's to test.
func (p prometheus) fires(t *testing.T, alert string) {
	t.Helper()
	p.eventually(t, `ALERTS{alertname="`+alert+`"}`)
	t.Log(alert, "fires")
}

package api

import (
	"fmt"
	"net/http"

	v1 "github.com/slipway-ml/slipway/api/v1"
)

// rights says what each operation of Slipway's own API asks of its caller.
// Operations of openapi/slipway.yaml without a line here keep the server from
// starting, and so do lines without an operation.
var rights = map[Right]map[string][]string{
	Read: {
		http.MethodGet: {
			"/api/v1/server", "/api/v1/openapi.yaml", "/api/v1/docs", "/api/v1/audit", "/api/v1/discovery",
			"/api/v1/models/:model/pipeline", "/api/v1/models/:model/pipeline/revisions", "/api/v1/pipelines/schema",
			"/api/v1/datasets", "/api/v1/datasets/:name", "/api/v1/datasets/:name/versions",
			"/api/v1/datasets/:name/versions/:version", "/api/v1/datasets/:name/versions/:version/files",
			"/api/v1/datasets/:name/versions/:version/blobs/:digest",
			"/api/v1/models/:model/versions/:version/validations", "/api/v1/validations/:id",
			"/api/v1/validations/:id/log", "/api/v1/validations/:id/events",
			"/api/v1/validations/:id/report.html", "/api/v1/validations/:id/report.xml", "/api/v1/validations/:id/report.sarif",
			"/api/v1/validations/:id/steps/:step/attachments/:name",
			"/api/v1/models/:model/versions/:version/images", "/api/v1/images/:digest",
			"/api/v1/models/:model/environments", "/api/v1/models/:model/environments/:environment",
			"/api/v1/models/:model/environments/:environment/promotions",
			"/api/v1/models/:model/environments/:environment/releases",
			"/api/v1/models/:model/environments/:environment/releases/:release/log",
			"/api/v1/promotions/:id", "/api/v1/promotions/:id/events",
			"/api/v1/gc", "/api/v1/gc/:id", "/api/v1/verifications", "/api/v1/verifications/:id",
			"/api/v1/variables", "/api/v1/variables/:name", "/api/v1/models/:model/variables", "/api/v1/models/:model/variables/:name",
			"/api/v1/models/:model/environments/:environment/variables", "/api/v1/models/:model/environments/:environment/variables/:name",
			"/api/v1/secrets", "/api/v1/secrets/:name", "/api/v1/models/:model/secrets", "/api/v1/models/:model/secrets/:name",
			"/api/v1/models/:model/environments/:environment/secrets", "/api/v1/models/:model/environments/:environment/secrets/:name",
		},
		http.MethodPost: {"/api/v1/pipelines/lint"},
	},
	Write: {
		http.MethodPut: {
			"/api/v1/models/:model/pipeline", "/api/v1/datasets/:name/versions/:version/blobs/:digest",
			"/api/v1/models/:model/variables/:name", "/api/v1/models/:model/secrets/:name",
			"/api/v1/models/:model/environments/:environment/variables/:name", "/api/v1/models/:model/environments/:environment/secrets/:name",
		},
		http.MethodDelete: {
			"/api/v1/models/:model/variables/:name", "/api/v1/models/:model/secrets/:name",
			"/api/v1/models/:model/environments/:environment/variables/:name", "/api/v1/models/:model/environments/:environment/secrets/:name",
		},
		http.MethodPost: {
			"/api/v1/datasets", "/api/v1/datasets/:name/versions", "/api/v1/datasets/:name/versions/:version/commit",
			"/api/v1/models/:model/versions/:version/validations", "/api/v1/validations/:id/cancel",
			"/api/v1/models/:model/versions/:version/images", "/api/v1/verifications",
		},
	},
	Deliver: {
		http.MethodPost: {
			"/api/v1/models/:model/environments/:environment/promotions",
			"/api/v1/models/:model/environments/:environment/rollback",
			"/api/v1/models/:model/environments/:environment/quarantine/:version/lift",
			"/api/v1/promotions/:id/pause", "/api/v1/promotions/:id/resume", "/api/v1/promotions/:id/skip",
			"/api/v1/promotions/:id/retry", "/api/v1/promotions/:id/cancel",
		},
	},
	Waive: {
		http.MethodPost: {"/api/v1/validations/:id/steps/:step/waive"},
	},
	Operate: {
		http.MethodPost:   {"/api/v1/gc", "/api/v1/secrets/rotate-key"},
		http.MethodPut:    {"/api/v1/variables/:name", "/api/v1/secrets/:name"},
		http.MethodDelete: {"/api/v1/variables/:name", "/api/v1/secrets/:name"},
	},
}

// ownRoutes gives each operation of Slipway's own API its right.
func ownRoutes(h Handlers) ([]Route, error) {
	operations, err := v1.Routes(h.V1, h.Common)
	if err != nil {
		return nil, err
	}
	asks := map[string]Right{}
	for right, methods := range rights {
		for method, paths := range methods {
			for _, path := range paths {
				asks[method+" "+path] = right
			}
		}
	}
	table := make([]Route, 0, len(operations))
	for _, o := range operations {
		right, ok := asks[o.Method+" "+o.Path]
		if !ok {
			return nil, fmt.Errorf("%s %s has no right in api/rights.go", o.Method, o.Path)
		}
		delete(asks, o.Method+" "+o.Path)
		table = append(table, Route{o.Method, o.Path, right, o.Handle})
	}
	for line := range asks {
		return nil, fmt.Errorf("api/rights.go names %s, which is not in openapi/slipway.yaml", line)
	}
	return table, nil
}

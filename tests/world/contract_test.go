package world

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnAnswerOutsideTheContractIsSeen(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path, body string
		status     int
		keeps      bool
	}{
		"a list":                         {"/api/v1/audit?model=m", `{"items":[]}`, 200, true},
		"a field that is missing":        {"/api/v1/audit", `{}`, 200, false},
		"a number where there is a text": {"/api/v1/promotions/1", `{"id":"1"}`, 200, false},
		"an error":                       {"/api/v1/datasets/a%20b", `{"error_code":"X","message":"y"}`, 400, true},
		"an error of another form":       {"/api/v1/promotions/1", `{"msg":"y"}`, 409, false},
		"a status that is not told":      {"/api/v1/openapi.yaml", `{}`, 201, false},
		"a path of MLflow's":             {"/api/2.0/mlflow/runs/get", `{}`, 200, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:5000"+tc.path, nil)
			require.NoError(t, err)
			err = keepsContract(req, Response{Status: tc.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(tc.body)})
			require.Equal(t, tc.keeps, err == nil, err)
		})
	}
}

package v1

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/api/reply"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
)

// engineOf routes operations as package api does.
func engineOf(t *testing.T, s server.StrictServerInterface, keys Once) http.Handler {
	t.Helper()
	routes, err := Routes(s, Common{Keys: keys, Up: t.Context()})
	require.NoError(t, err)
	engine := gin.New()
	engine.ContextWithFallback = true
	for _, r := range routes {
		engine.Handle(r.Method, r.Path, reply.Handle(r.Handle))
	}
	return engine
}

func ask(t *testing.T, h http.Handler, method, target, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

type echo struct{ seen models.AuditFilter }

func (e *echo) AuditRecords(_ context.Context, f models.AuditFilter) ([]models.AuditRecord, error) {
	e.seen = f
	return []models.AuditRecord{{ID: 7, At: time.Unix(0, 0), Principal: "anonymous", Action: "promotion.requested", Model: f.Model, Version: 3}}, nil
}

func TestListAuditPages(t *testing.T) {
	t.Parallel()
	seen := &echo{}
	h := engineOf(t, &Server{Audit: Audit{Records: seen}}, nil)

	status, body := ask(t, h, http.MethodGet, "/api/v1/audit?model=50%25+%C3%A9%2Fx&max_results=1", "")
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, "50% é/x", seen.seen.Model)
	var page server.AuditList
	require.NoError(t, json.Unmarshal([]byte(body), &page))
	require.Equal(t, "3", page.Items[0].Version)

	status, _ = ask(t, h, http.MethodGet, "/api/v1/audit?page_token="+page.NextPageToken, "")
	require.Equal(t, http.StatusOK, status)
	require.EqualValues(t, 7, seen.seen.BeforeID)
}

func TestRequestsAreHeldAgainstTheDocument(t *testing.T) {
	t.Parallel()
	h := engineOf(t, &Server{Audit: Audit{Records: &echo{}}}, nil)
	promotions := "/api/v1/models/m/environments/production/promotions"
	for name, tc := range map[string]struct{ method, target, body, field string }{
		"an unknown query parameter":      {http.MethodGet, "/api/v1/audit?name=m", "", "name"},
		"a page size beyond the limit":    {http.MethodGet, "/api/v1/audit?max_results=1001", "", "max_results"},
		"a page size that is no number":   {http.MethodGet, "/api/v1/audit?max_results=many", "", "max_results"},
		"a page token of another list":    {http.MethodGet, "/api/v1/audit?page_token=x", "", "page_token"},
		"an id that is no number":         {http.MethodGet, "/api/v1/promotions/abc", "", "id"},
		"an unknown field":                {http.MethodPost, promotions, `{"number":"3"}`, "number"},
		"a version that is a number":      {http.MethodPost, promotions, `{"version":3}`, "version"},
		"a version that is no number":     {http.MethodPost, promotions, `{"version":"latest"}`, "version"},
		"a body that is not JSON":         {http.MethodPost, promotions, `{"version":`, "body"},
		"no body where one is needed":     {http.MethodPost, promotions, "", "body"},
		"a reason that is needed":         {http.MethodPost, "/api/v1/models/m/environments/e/quarantine/3/lift", `{}`, "reason"},
		"a digest of another form":        {http.MethodGet, "/api/v1/images/sha256:12", "", "digest"},
		"a wait without a unit":           {http.MethodGet, "/api/v1/promotions/1?wait=30", "", "wait"},
		"a data set's name with a spaces": {http.MethodGet, "/api/v1/datasets/a%20b", "", "name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, body := ask(t, h, tc.method, tc.target, tc.body)
			require.Equal(t, http.StatusBadRequest, status, body)
			var e reply.Body
			require.NoError(t, json.Unmarshal([]byte(body), &e))
			require.Equal(t, "INVALID_PARAMETER_VALUE", e.Code)
			require.NotEmpty(t, e.Details)
			require.Equal(t, tc.field, e.Details[0].Field, body)
			require.Contains(t, e.Message, tc.field)
			t.Log(e.Message)
		})
	}
}

func TestABodyBeyondTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	h := engineOf(t, &Server{}, nil)
	status, body := ask(t, h, http.MethodPost, "/api/v1/models/m/environments/e/promotions", `{"reason":"`+strings.Repeat("x", maxBytes)+`"}`)
	require.Equal(t, http.StatusRequestEntityTooLarge, status, body)
}

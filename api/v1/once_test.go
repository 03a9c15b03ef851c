package v1

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/idempotency"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

type counting struct {
	server.StrictServerInterface
	times int
}

func (c *counting) CreatePromotion(_ context.Context, r server.CreatePromotionRequestObject) (server.CreatePromotionResponseObject, error) {
	c.times++
	return server.CreatePromotion202JSONResponse{Id: int64(c.times), Version: r.Body.Version}, nil
}

func TestAPOSTWithAnIdempotencyKeyIsDoneOnce(t *testing.T) {
	t.Parallel()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	impl := &counting{}
	h := engineOf(t, impl, idempotency.Service{DB: db})

	send := func(key, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/models/m/environments/e/promotions", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	first := send("a", `{"version":"3"}`)
	require.Equal(t, http.StatusAccepted, first.Code, first.Body)
	again := send("a", `{"version":"3"}`)
	require.Equal(t, http.StatusAccepted, again.Code)
	require.Equal(t, first.Body.String(), again.Body.String())
	require.Equal(t, "true", again.Header().Get("Idempotency-Replayed"))
	require.Equal(t, 1, impl.times)

	require.Equal(t, http.StatusBadRequest, send("a", `{"version":"4"}`).Code, "the key is of another request")
	require.Equal(t, http.StatusBadRequest, send(strings.Repeat("k", 256), `{"version":"4"}`).Code, "the key is too long")
	send("", `{"version":"3"}`)
	send("b", `{"version":"3"}`)
	require.Equal(t, 3, impl.times)
}

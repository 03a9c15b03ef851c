package delivery_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// What fails each time ends the promotion, after some attempts, and the stable
// release keeps its traffic.
func TestAnErrorThatStaysEndsThePromotion(t *testing.T) {
	t.Parallel()
	h := open(t, map[string]models.EnvironmentSpec{"production": production()})
	one := h.version(serving(0))
	h.live("production", one)
	h.refuseReleases()
	p := h.live("production", h.version(serving(0)))
	require.Equal(t, models.PromotionFailed, p.State)
	require.Contains(t, p.Reason, "it could not go on")
	require.Contains(t, []int{8, 9}, h.builds[2], "it was tried so often; the first run began before it got that far")
	require.Equal(t, one, h.stable("production"))
	_, status := h.post()
	require.Equal(t, 200, status)
}

// refuseReleases makes the database refuse every new release.
func (h *harbour) refuseReleases() {
	h.t.Helper()
	if uri := postgres.Of(h.t, h.dir); uri != "" {
		postgres.Execute(h.t, uri, "ALTER TABLE release ADD CONSTRAINT broken CHECK (number < 2)")
		return
	}
	db, err := sql.Open("sqlite", filepath.Join(h.dir, "slipway.db")+"?_pragma=busy_timeout(10000)")
	require.NoError(h.t, err)
	defer db.Close()
	_, err = db.ExecContext(h.t.Context(), "CREATE TRIGGER broken BEFORE INSERT ON release BEGIN SELECT RAISE(ABORT, 'broken'); END")
	require.NoError(h.t, err)
}

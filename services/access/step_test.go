package access_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/access"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

func TestATokenHoldsWhileItsStepRuns(t *testing.T) {
	t.Parallel()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	now, err := db.Now(t.Context())
	require.NoError(t, err)
	steps, others := access.NewSteps(db), access.NewSteps(db)
	token := func(from *access.Steps, expires time.Time) string {
		t.Helper()
		text, err := from.Token(models.StepGrant{ValidationID: 7, VersionID: 3, Expires: expires})
		require.NoError(t, err)
		return text
	}
	good := token(steps, now.Add(time.Minute))
	for name, tt := range map[string]struct{ token, want string }{
		"of a validation that is gone": {good, "the step has ended"},
		"after its time":               {token(steps, now.Add(-time.Second)), "has expired"},
		"of another server":            {token(others, now.Add(time.Minute)), "no token of a step of this server"},
		"cut":                          {good[:len(good)-1], "no token of a step of this server"},
		"with another grant's signature": {
			token(steps, now.Add(time.Hour))[:len(good)-43] + good[len(good)-43:], "no token of a step of this server",
		},
		"empty": {access.StepPrefix, "no token of a step of this server"},
	} {
		_, err := steps.Rights(t.Context(), tt.token)
		require.True(t, models.IsKind(err, models.KindUnauthenticated), "%s: %v", name, err)
		require.ErrorContains(t, err, tt.want, name)
	}
}

package validation

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// TestAttemptsThatAreUsedUp has a validation that can never be done, since its
// logs cannot be written.
func TestAttemptsThatAreUsedUp(t *testing.T) {
	t.Parallel()
	db, err := sqlstore.Open(t.Context(), postgres.OrSQLite(t, t.TempDir()), sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	work := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(work, nil, 0o600))
	s := &Service{DB: db, Settings: Settings{Work: work}}
	var v models.Validation
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		m, err := tx.RegisteredModels().Create(models.RegisteredModel{Name: "m"})
		require.NoError(t, err)
		version, err := tx.Versions().Create(models.Version{ModelID: m.ID, Files: models.FilesFrozen})
		require.NoError(t, err)
		_, err = tx.Pipelines().Add(models.PipelineRevision{ModelID: m.ID, Document: []byte("x"), Pipeline: models.Pipeline{
			Validation: models.ValidationSpec{Steps: []models.StepSpec{{Name: "integrity", Check: "integrity", Timeout: time.Minute}}},
		}})
		require.NoError(t, err)
		rev, err := tx.Pipelines().Current(m.ID)
		require.NoError(t, err)
		v, err = enqueue(tx, version, rev, models.TriggerManual, Ask{})
		return err
	}))
	args, err := json.Marshal(args{ValidationID: v.ID})
	require.NoError(t, err)
	require.Error(t, Validate{s}.Work(t.Context(), job.Job{Attempt: 1, Args: args}))
	found, err := s.Get(t.Context(), v.ID)
	require.NoError(t, err)
	require.False(t, found.State.Final(), "another attempt follows")

	stopped, stop := context.WithCancel(t.Context())
	stop()
	require.Error(t, Validate{s}.Work(stopped, job.Job{Attempt: 8, Last: true, Args: args}))
	found, err = s.Get(t.Context(), v.ID)
	require.NoError(t, err)
	require.False(t, found.State.Final(), "the server stops, which says nothing")

	require.Error(t, Validate{s}.Work(t.Context(), job.Job{Attempt: 8, Last: true, Args: args}))
	found, err = s.Get(t.Context(), v.ID)
	require.NoError(t, err)
	require.Equal(t, models.ValidationErrored, found.State)
	require.Contains(t, found.Reason, "in 8 attempts")
}

package sqlstore_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.Registry(t, open)
		})
	}
}

func registryDB(t *testing.T) storage.DB {
	t.Helper()
	return onSQLite(t)
}

// inTx runs fn on a goroutine of its own, so that a failed require does not
// take the database's writer with it.
func inTx(t *testing.T, db storage.DB, fn func(tx storage.Tx) error) {
	t.Helper()
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
		err := errors.New("a requirement failed")
		done := make(chan struct{})
		go func() {
			defer close(done)
			err = fn(tx)
		}()
		<-done
		return err
	}))
}

func newModel(t *testing.T, db storage.DB, name string) (m models.RegisteredModel) {
	t.Helper()
	inTx(t, db, func(tx storage.Tx) (err error) {
		m, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: name})
		return err
	})
	return m
}

func newVersion(t *testing.T, db storage.DB, m models.RegisteredModel) (v models.Version) {
	t.Helper()
	inTx(t, db, func(tx storage.Tx) (err error) {
		v, err = tx.Versions().Create(models.Version{ModelID: m.ID, Model: m.Name, Source: "s3://b/x"})
		return err
	})
	return v
}

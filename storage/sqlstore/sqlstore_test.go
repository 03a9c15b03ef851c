package sqlstore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/storage/storagetest"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// databases are those that every suite runs on.
func databases() map[string]storagetest.Open {
	return map[string]storagetest.Open{"sqlite": onSQLite, "postgres": onPostgres}
}

func onSQLite(t *testing.T) storage.DB {
	t.Helper()
	return opened(t, "sqlite:///"+filepath.Join(t.TempDir(), "test.db"))
}

func onPostgres(t *testing.T) storage.DB {
	t.Helper()
	return opened(t, postgres.Database(t))
}

func opened(t *testing.T, uri string) *sqlstore.DB {
	t.Helper()
	db, err := sqlstore.Open(t.Context(), uri, sqlstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestTransactions(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.Transactions(t, open)
		})
	}
}

func TestOpenSQLite(t *testing.T) {
	t.Parallel()

	t.Run("a second server on the same file is refused", func(t *testing.T) {
		t.Parallel()
		uri := "sqlite:///" + filepath.Join(t.TempDir(), "x.db")
		opened(t, uri)
		_, err := sqlstore.Open(t.Context(), uri, sqlstore.Options{})
		require.True(t, models.IsKind(err, models.KindConflict), err)
		require.ErrorContains(t, err, "in use by another slipway server")
	})
	t.Run("a lock that cannot be made is no other server's", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "x.db")
		require.NoError(t, os.Mkdir(path+".lock", 0o755))
		_, err := sqlstore.Open(t.Context(), "sqlite:///"+path, sqlstore.Options{})
		require.ErrorContains(t, err, "x.db.lock: is a directory")
		require.NotContains(t, err.Error(), "another slipway server")
	})
	t.Run("a file that is no database is named", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "x.db")
		require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("no database", 1000)), 0o600))
		_, err := sqlstore.Open(t.Context(), "sqlite:///"+path, sqlstore.Options{})
		require.ErrorContains(t, err, path+": open the database: file is not a database")
	})
	t.Run("an unknown scheme names the two", func(t *testing.T) {
		t.Parallel()
		_, err := sqlstore.Open(t.Context(), "mysql://user:secret@host/db", sqlstore.Options{})
		require.ErrorContains(t, err, "sqlite:///path.db or postgresql://")
		require.NotContains(t, err.Error(), "secret")
	})
	t.Run("the installation keeps its id", func(t *testing.T) {
		t.Parallel()
		uri := "sqlite:///" + filepath.Join(t.TempDir(), "x.db")
		db, err := sqlstore.Open(t.Context(), uri, sqlstore.Options{})
		require.NoError(t, err)
		id := db.ServerID()
		require.NoError(t, db.Close())
		require.Equal(t, id, opened(t, uri).ServerID())
	})
}

func TestValidations(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.Validations(t, open)
		})
	}
}

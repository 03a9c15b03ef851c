package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// made are the databases of folders, so that a later server on the same folder
// finds its database again.
var made sync.Map

// Of is the database of a data folder on the server of SLIPWAY_TEST_POSTGRES,
// dropped when the test ends that first asked for it; without that server it
// is "".
func Of(t testing.TB, dir string) string {
	t.Helper()
	server := os.Getenv(Variable)
	if server == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(dir))
	name := "folder_" + hex.EncodeToString(sum[:12])
	if _, there := made.LoadOrStore(name, true); !there {
		Execute(t, server, "CREATE DATABASE "+name)
		t.Cleanup(func() {
			made.Delete(name)
			Execute(t, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
		})
	}
	return Named(t, server, name)
}

// OrSQLite is Of, or a SQLite file in the folder.
func OrSQLite(t testing.TB, dir string) string {
	t.Helper()
	if uri := Of(t, dir); uri != "" {
		return uri
	}
	return "sqlite:///" + filepath.Join(dir, "slipway.db")
}

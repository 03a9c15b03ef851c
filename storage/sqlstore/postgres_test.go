package sqlstore_test

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
)

// changed is an address with parts of it replaced.
func changed(t *testing.T, uri string, change func(*url.URL, url.Values)) string {
	t.Helper()
	u, err := url.Parse(uri)
	require.NoError(t, err)
	q := u.Query()
	change(u, q)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestOpenPostgres(t *testing.T) {
	t.Parallel()
	uri := postgres.Database(t)
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // takes connections, says nothing
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })

	for name, tc := range map[string]struct {
		uri, says string
		kind      models.Kind
	}{
		"a database that is absent": {
			changed(t, uri, func(u *url.URL, _ url.Values) { u.Path = "/nowhere" }),
			`has no database "nowhere": create it`, models.KindUnavailable,
		},
		"a wrong password": {
			changed(t, uri, func(u *url.URL, _ url.Values) { u.User = url.UserPassword("slipway", "sesame") }),
			`refuses the password of user "slipway"`, models.KindUnavailable,
		},
		"a port where nobody listens": {
			changed(t, uri, func(u *url.URL, _ url.Values) { u.User = url.UserPassword("slipway", "sesame"); u.Host = "127.0.0.1:1" }),
			"Postgres at 127.0.0.1:1 cannot be reached", models.KindUnavailable,
		},
		"a server that says nothing": {
			changed(t, uri, func(u *url.URL, q url.Values) { u.Host = silent.Addr().String(); q.Set("connect_timeout", "1") }),
			"does not answer in time", models.KindUnavailable,
		},
		"a mode of TLS that is none": {
			changed(t, uri, func(u *url.URL, q url.Values) {
				u.User = url.UserPassword("slipway", "sesame")
				q.Set("sslmode", "perhaps")
			}),
			"sslmode is invalid", models.KindInvalid,
		},
		"a password that is not encoded":     {"postgresql://slipway:sesame/#1@127.0.0.1/slipway", "write special characters", models.KindInvalid},
		"a password where the port would be": {"postgresql://slipway:sesame", "cannot be read", models.KindInvalid},
		"an address of another kind":         {"mysql://slipway:sesame@127.0.0.1/slipway", `"mysql" is no database: use sqlite:///path.db or postgresql://`, models.KindInvalid},
		"no address at all":                  {"sesame", `use sqlite:///path.db or postgresql://`, models.KindInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var logged strings.Builder
			log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			_, err := sqlstore.Open(t.Context(), tc.uri, sqlstore.Options{Log: log})
			require.ErrorContains(t, err, tc.says)
			require.True(t, models.IsKind(err, tc.kind), err)
			require.NotContains(t, err.Error()+logged.String(), "sesame")
		})
	}
	for name, scheme := range map[string]string{
		"SQLAlchemy's spelling": "postgresql+psycopg2", "the short spelling": "postgres",
	} {
		t.Run(name+" is taken", func(t *testing.T) {
			t.Parallel()
			opened(t, scheme+strings.TrimPrefix(postgres.Database(t), "postgresql"))
		})
	}
}

func TestPostgresByTLS(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t)
	certificate := filepath.Join(cluster.Dir, "data", "server.crt")
	open := func(host string, o sqlstore.Postgres, query string) error {
		u, err := url.Parse(cluster.URI)
		require.NoError(t, err)
		u.Host, u.RawQuery = host+":"+u.Port(), query
		db, err := sqlstore.Open(t.Context(), u.String(), sqlstore.Options{Postgres: o})
		if err == nil {
			require.NoError(t, db.Close())
		}
		return err
	}
	require.NoError(t, open("localhost", sqlstore.Postgres{SSLMode: "verify-full", SSLRootCert: certificate}, ""))
	require.NoError(t, open("localhost", sqlstore.Postgres{}, "sslmode=verify-full&sslrootcert="+certificate))
	require.NoError(t, open("127.0.0.1", sqlstore.Postgres{SSLMode: "verify-full"}, "sslmode=require"), "the address goes first")
	require.ErrorContains(t, open("localhost", sqlstore.Postgres{SSLMode: "verify-full"}, ""), "certificate of an unknown authority: name the authority's file by --db-sslrootcert")
	require.ErrorContains(t, open("127.0.0.2", sqlstore.Postgres{SSLMode: "verify-full", SSLRootCert: certificate}, ""), "cannot be reached")
	require.ErrorContains(t, open("localhost", sqlstore.Postgres{SSLMode: "verify-full", SSLRootCert: "/nowhere.crt"}, ""), "nowhere.crt")

	postgres.Execute(t, cluster.URI, "ALTER SYSTEM SET ssl = off", "SELECT pg_reload_conf()")
	var err error
	require.Eventually(t, func() bool {
		err = open("localhost", sqlstore.Postgres{SSLMode: "require"}, "")
		return err != nil
	}, 10*time.Second, 100*time.Millisecond)
	require.ErrorContains(t, err, "does not speak TLS: set ssl = on there")
	require.NoError(t, open("localhost", sqlstore.Postgres{SSLMode: "prefer"}, ""))
}

func TestAStatementHasALimit(t *testing.T) {
	t.Parallel()
	uri := postgres.Database(t)
	db, err := sqlstore.Open(t.Context(), uri, sqlstore.Options{Postgres: sqlstore.Postgres{StatementTimeout: 300 * time.Millisecond}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	postgres.Execute(t, uri, `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(20); RETURN NEW; END'`,
		"CREATE TRIGGER slow BEFORE INSERT ON experiment FOR EACH ROW EXECUTE FUNCTION slow()")
	began := time.Now()
	err = db.InTx(t.Context(), func(tx storage.Tx) error {
		_, err := tx.Experiments().Create(models.Experiment{Name: "slow"})
		return err
	})
	require.True(t, models.IsKind(err, models.KindUnavailable), err)
	require.ErrorContains(t, err, "longer than --db-statement-timeout allows")
	require.Less(t, time.Since(began), 5*time.Second)
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error { _, err := tx.Now(); return err }))
}

// Two transactions that take two rows in opposite order: the database ends one
// of them, and it is run again.
func TestADeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	db := opened(t, postgres.Database(t))
	var ids [2]int64
	require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) (err error) {
		for i := range ids {
			if ids[i], err = tx.Experiments().Create(models.Experiment{Name: string(rune('a' + i))}); err != nil {
				return err
			}
		}
		return nil
	}))
	var both, done sync.WaitGroup
	both.Add(2)
	runs := make(chan int, 10)
	for i := range 2 {
		done.Go(func() {
			first := true
			err := db.InTx(t.Context(), func(tx storage.Tx) error {
				runs <- i
				if err := tx.Experiments().SetLocation(ids[i], "x"); err != nil {
					return err
				}
				if first {
					first = false
					both.Done()
					both.Wait()
				}
				return tx.Experiments().SetLocation(ids[1-i], "y")
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	require.Greater(t, len(runs), 2, "one of the two ran again")
}

func TestSlowStatementsAreLoggedWithoutValues(t *testing.T) {
	t.Parallel()
	for name, uri := range map[string]string{"sqlite": "sqlite:///" + filepath.Join(t.TempDir(), "x.db"), "postgres": postgres.Database(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var logged strings.Builder
			log := slog.New(slog.NewTextHandler(locked{&mu, &logged}, nil))
			seen := make(chan string, 1000)
			db, err := sqlstore.Open(t.Context(), uri, sqlstore.Options{
				Log: log, Slow: time.Nanosecond,
				Observe: func(_ context.Context, statement string, _ time.Time, _ error) { seen <- statement },
			})
			require.NoError(t, err)
			reg := prometheus.NewRegistry()
			require.NoError(t, db.Measure(reg))
			require.NoError(t, db.InTx(t.Context(), func(tx storage.Tx) error {
				_, err := tx.Experiments().Create(models.Experiment{Name: "sesame", Tags: []models.Tag{{Key: "k", Value: "open sesame"}}})
				return err
			}))
			require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
				_, err := tx.Experiments().ByName("sesame")
				return err
			}))
			families, err := reg.Gather()
			require.NoError(t, err)
			require.NoError(t, db.Close())
			mu.Lock()
			said := logged.String()
			mu.Unlock()
			require.Contains(t, said, "slow statement")
			require.Contains(t, said, "experiment_tag")
			require.NotContains(t, said, "sesame")
			require.NotEmpty(t, seen)
			var names []string
			for _, f := range families {
				names = append(names, f.GetName())
			}
			for _, want := range []string{"slipway_db_statement_duration_seconds", "slipway_db_slow_statements_total", "go_sql_in_use_connections", "go_sql_max_open_connections", "go_sql_wait_duration_seconds_total"} {
				require.Contains(t, names, want)
			}
		})
	}
}

type locked struct {
	mu *sync.Mutex
	b  *strings.Builder
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

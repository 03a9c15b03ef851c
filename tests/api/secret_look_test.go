package api_test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/mask"
	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/world"
)

// sought is a value that stands nowhere else, awkward to quote.
const sought = `Qz7'%look"$for <me> é9\w`

// shown lets a step show its secret in every way that masking promises to hide.
const shown = `    - run: |
        set -x
        : "$KEY"
        printf '%s\n' "$KEY"
        printf '%s' "$KEY" | base64
        printf 'user:%s' "$KEY" | base64
        printf '%.7s' "$KEY"; printf '%s\n' "${KEY#???????}"
        python3 -c 'import json, os, urllib.parse, html; k = os.environ["KEY"]; print(json.dumps(k), repr(k), urllib.parse.quote(k), html.escape(k))'
        printf '<testsuite name="s"><testcase name="c"><failure message="no">%s</failure></testcase></testsuite>' "$(printf '%s' "$KEY" | python3 -c 'import html, sys; print(html.escape(sys.stdin.read()))')" > report.xml
        printf '%s' "$KEY" > "$SLIPWAY_OUTPUT_DIR/kept.txt"
        exit 1
      env: {KEY: "${{ secrets.KEY }}"}
      on: process
`

// TestNoByteHoldsASecret uses secrets wherever they can be used, shows them in
// every way, and then looks at every byte that the server keeps.
func TestNoByteHoldsASecret(t *testing.T) {
	t.Parallel()
	for name, uri := range map[string]func(dir string) string{
		"sqlite":   func(dir string) string { return "sqlite:///" + filepath.Join(dir, "look.db") },
		"postgres": func(string) string { return postgres.Database(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, l := t.TempDir(), listen(t)
			database := uri(dir)
			flags := []string{"--backend-store-uri", database, "--log-level", "debug", "--webhook-allowed-schemes", "http", "--webhook-allow-private-ips"}
			p := world.StartProcess(t, dir, flags...)
			createModel(p.World, "m")
			for _, path := range []string{base, base + "/models/m", base + "/models/m/environments/production"} {
				p.OK(http.MethodPut, path+"/secrets/KEY", object{"value": sought}, "Idempotency-Key", "once")
			}
			badRequest(t, p.Do(http.MethodPut, base+"/secrets/KEY", object{"value": sought, sought: sought}))
			badRequest(t, p.Do(http.MethodPut, base+"/secrets/KEY", `{"value": "`+strings.ReplaceAll(sought, `"`, `\"`)))
			badRequest(t, p.Do(http.MethodPut, base+"/models/a:b/secrets/KEY", object{"value": sought}))
			hook(p.World, l.URL, [][2]string{{"MODEL_VERSION", "CREATED"}}, "secret", sought)

			applyPipeline(p.World, "m", shown)
			v := validated(p.World, "m", registerShapes(t, p.World, "m", "v1", nil))
			require.Equal(t, "failed", v["state"], "%v", v)
			require.NotContains(t, fmt.Sprint(v), "look")
			log := p.Do(http.MethodGet, fmt.Sprintf("%s/validations/%v/log", base, v["id"]), nil)
			require.GreaterOrEqual(t, bytes.Count(log.Body, []byte(mask.Replacement)), 8, "it was shown: %s", log.Body)
			p.Eventually(10*time.Second, "the webhook is told", func() bool { return len(l.calls()) == 1 })

			p.OK(http.MethodPost, base+"/secrets/rotate-key", nil)
			require.Equal(t, http.StatusNoContent, p.Do(http.MethodDelete, base+"/secrets/KEY", nil).Status)
			metrics := p.Do(http.MethodGet, "/metrics", nil).Body
			nowhere(t, "the files while it runs", contents(t, dir))
			p.Kill() // the write-ahead log stays as it is
			nowhere(t, "the files", contents(t, dir))
			nowhere(t, "the log", []byte(strings.Join(p.Logged(), "\n")))
			nowhere(t, "the metrics", metrics)
			if name == "postgres" {
				nowhere(t, "the database", rows(t, database))
			}
		})
	}
}

// nowhere holds bytes against the value, plain and in the forms in which it
// might be kept.
func nowhere(t *testing.T, where string, content []byte) {
	t.Helper()
	require.NotEmpty(t, content, where)
	for form, text := range map[string]string{
		"plain": sought, "a part": "look\"$for", "base64": base64.StdEncoding.EncodeToString([]byte(sought)), "hexadecimal": hex.EncodeToString([]byte(sought)),
	} {
		if at := bytes.Index(content, []byte(text)); at >= 0 {
			t.Errorf("%s: %s at %d: %q", where, form, at, content[max(0, at-200):min(len(content), at+200)])
		}
	}
	if masked := mask.New(sought).Text(string(content)); len(masked) != len(content) {
		at := 0
		for at < min(len(masked), len(content)) && masked[at] == content[at] {
			at++
		}
		t.Errorf("%s: a form of it at %d: %q", where, at, content[max(0, at-200):min(len(content), at+200)])
	}
}

// contents are those of every file below a folder, with their names.
func contents(t *testing.T, dir string) []byte {
	t.Helper()
	var all bytes.Buffer
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var content []byte
			content, err = os.ReadFile(path)
			_, _ = fmt.Fprintln(&all, path)
			_, _ = all.Write(content)
		}
		if errors.Is(err, fs.ErrNotExist) { // the server removes what it no longer needs
			return nil
		}
		return err
	}))
	return all.Bytes()
}

// rows are those of every table, as text.
func rows(t *testing.T, uri string) []byte {
	t.Helper()
	db, err := sql.Open("pgx", uri)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	texts := func(query string) (list []string) {
		found, err := db.QueryContext(t.Context(), query)
		require.NoError(t, err)
		defer func() { _ = found.Close() }()
		for found.Next() {
			var text string
			require.NoError(t, found.Scan(&text))
			list = append(list, text)
		}
		require.NoError(t, found.Err())
		return list
	}
	var all bytes.Buffer
	tables := texts("SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'")
	require.Contains(t, tables, "named_value")
	for _, table := range tables {
		_, _ = fmt.Fprintln(&all, table, strings.Join(texts("SELECT t::text FROM "+table+" t"), "\n"))
	}
	return all.Bytes()
}

// Package cli_test runs the scenarios of this folder: one text file each, with
// the commands a person gives, what they see, and the files it needs.
package cli_test

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/cli"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/tests/testbed"
	"github.com/slipway-ml/slipway/tests/world"
)

func TestMain(m *testing.M) {
	process.Supervise()
	if world.IsCommand() {
		world.Main(m)
	}
	testscript.Main(m, map[string]func(){"slipway": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}})
}

// Each scenario has a server of its own, at $MLFLOW_TRACKING_URI as stock
// clients have it, and the shapes data set and models under $SHAPES. One that
// says "needs slipway-serve" runs models.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(file, ".txtar"), func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(file)
			require.NoError(t, err)
			if strings.Contains(string(script), "needs slipway-serve") {
				needsServe(t)
			}
			w := world.Start(t)
			testscript.Run(t, testscript.Params{
				Files: []string{file}, RequireExplicitExec: true,
				Setup: func(env *testscript.Env) error {
					env.Setenv("MLFLOW_TRACKING_URI", w.URL)
					env.Setenv("SHAPES", shapes())
					env.Values["load"] = &load{}
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"model": model, "traffic": traffic, "until": until},
			})
		})
	}
}

func shapes() string { return filepath.Join(world.Root(), "tests", "data", "shapes") }

func needsServe(t *testing.T) {
	t.Helper()
	for _, name := range []string{"slipway-serve", "libonnxruntime.so"} {
		if _, err := os.Stat(filepath.Join(world.Root(), "bin", name)); err != nil {
			testbed.Missing(t, "bin/"+name, "make build")
		}
	}
}

package checks_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/docker"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/tests/testbed"
	engine "github.com/slipway-ml/slipway/tests/testbed/docker"
)

func TestCommandsInContainers(t *testing.T) {
	t.Parallel()
	host := engine.Start(t)
	image := engine.Image(t, host)
	for name, tc := range map[string]struct {
		command string
		state   models.ValidationState
		want    string
	}{
		"it has its model and calls it": {
			`python3 -c "
import json, os, urllib.request
assert os.path.exists(os.environ['SLIPWAY_MODEL_DIR'] + '/model.onnx') and os.path.exists('MLmodel')
assert urllib.request.urlopen(os.environ['SLIPWAY_SERVE_URL'] + '/health').status == 200
json.dump({'accuracy': 0.97}, open(os.environ['SLIPWAY_OUTPUT_DIR'] + '/measurements.json', 'w'))
"`, models.ValidationPassed, "",
		},
		"it fails":     {"exit 7", models.ValidationFailed, "it ended with exit code 7"},
		"it crashes":   {"kill -SEGV $$", models.ValidationErrored, "the command crashed: crashed: segmentation fault"},
		"it hangs":     {"sleep 600", models.ValidationErrored, "still running after 3s"},
		"it eats":      {"exec tail /dev/zero", models.ValidationErrored, "used more memory than its limit"},
		"it is absent": {"no-such-program", models.ValidationErrored, "cannot be run (exit code 127)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.Settings.ServeMemory = 256 << 20
			r, err := docker.NewRunner(docker.RunnerOptions{Host: host, Image: image, Init: filepath.Join(testbed.Bin(t), "slipway")})
			require.NoError(t, err)
			t.Cleanup(func() { _ = r.Close() })
			w.Steps[models.StepsDocker] = r
			w.apply("    - run: |\n        " + indented(tc.command) + "\n      on: docker\n      timeout: " + map[bool]string{true: "3s", false: "1m"}[name == "it hangs"] + "\n")
			v := w.validate(w.register(onnxFiles(t, "v1")))
			require.Equal(t, tc.state, v.State, v.Reason)
			require.Contains(t, v.Reason, tc.want)
		})
	}
}

// indented is a script as a block of YAML.
func indented(script string) string { return strings.ReplaceAll(script, "\n", "\n        ") }

package pyenv_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/services/dial"
	"github.com/slipway-ml/slipway/services/pyenv"
	"github.com/slipway-ml/slipway/tests/testbed"
)

// BenchmarkEnvironment makes an environment of large packages out of wheels that
// uv has already: by Make, and by uv alone.
func BenchmarkEnvironment(b *testing.B) {
	root := b.TempDir()
	index := testbed.PackageIndex(b, "numpy", "pandas", "scipy", "scikit_learn", "joblib", "threadpoolctl", "python_dateutil", "six", "narwhals", "cloudpickle")
	python, err := filepath.EvalSymlinks(testbed.Python(b))
	require.NoError(b, err)
	uv, lock := testbed.UV(b), ""
	s := &pyenv.Service{
		Server: "bench", Dir: filepath.Join(root, "cache"), MaxBytes: 1 << 40, UV: uv, Exit: dial.Exit{Now: time.Now}, Now: time.Now,
		Settings: pyenv.FromEnv([]string{"UV_DEFAULT_INDEX=" + index.URL + "/simple"}),
	}
	number := 0
	wish := func() pyenv.Request { // each another lock, of the same wheels
		number++
		text := "--extra-index-url " + index.URL + "/simple?" + strconv.Itoa(number) + "\nscikit-learn\npandas\n"
		require.NoError(b, os.WriteFile(filepath.Join(root, "requirements.txt"), []byte(text), 0o600))
		return pyenv.Request{
			ID: strconv.Itoa(number), Dir: filepath.Join(root, "work"), Root: root, Requirements: "requirements.txt", Python: python, Runner: process.Runner{}, Log: io.Discard,
		}
	}
	first, err := s.Make(b.Context(), wish())
	require.NoError(b, err)
	lock = string(first.Lock)
	first.Release()

	b.Run("uv", func(b *testing.B) {
		file := filepath.Join(root, "lock.txt")
		require.NoError(b, os.WriteFile(file, []byte(lock), 0o600))
		run := func(args ...string) {
			cmd := exec.Command(uv, args...)
			cmd.Env = append(os.Environ(), "UV_CACHE_DIR="+filepath.Join(root, "alone"), "UV_DEFAULT_INDEX="+index.URL+"/simple")
			out, err := cmd.CombinedOutput()
			require.NoError(b, err, "%s", out)
		}
		alone := func(dir string) {
			run("pip", "compile", "-q", "--no-config", "--no-build", "--generate-hashes", "--python", python, "-o", filepath.Join(root, "out.txt"), filepath.Join(root, "requirements.txt"))
			run("venv", "-q", "--no-config", "--python", python, dir)
			run("pip", "sync", "-q", "--no-config", "--no-build", "--require-hashes", "--compile-bytecode", "--link-mode", "hardlink", "--python", filepath.Join(dir, "bin", "python"), file)
		}
		alone(filepath.Join(root, "warm"))
		for i := 0; b.Loop(); i++ {
			alone(filepath.Join(root, "venv"+strconv.Itoa(i)))
		}
	})
	b.Run("made", func(b *testing.B) {
		for b.Loop() {
			e, err := s.Make(b.Context(), wish())
			require.NoError(b, err)
			require.False(b, e.Cached)
			e.Release()
		}
	})
	b.Run("cached", func(b *testing.B) {
		r := wish()
		e, err := s.Make(b.Context(), r)
		require.NoError(b, err)
		defer e.Release()
		for b.Loop() {
			e, err := s.Make(b.Context(), r)
			require.NoError(b, err)
			e.Release()
		}
	})
}

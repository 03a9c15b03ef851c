package scan_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/scan"
	"github.com/slipway-ml/slipway/tests/testbed"
)

// files is a version by its paths.
type files map[string]string

// scanned looks at a version.
func scanned(t testing.TB, opt scan.Options, version files) *scan.Scanner {
	t.Helper()
	opt.Temp = t.TempDir()
	s := scan.New(t.Context(), opt)
	var paths []string
	for p := range version {
		paths = append(paths, p)
	}
	if text, ok := version["MLmodel"]; ok {
		s.Declare([]byte(text), paths)
	}
	for p, text := range version {
		require.NoError(t, s.File(p, strings.NewReader(text), int64(len(text))))
	}
	left, err := os.ReadDir(opt.Temp)
	require.NoError(t, err)
	require.Empty(t, left, "scratch files are removed")
	return s
}

// said gives what was found, a line each.
func said(s *scan.Scanner) string {
	var lines []string
	for _, f := range s.Found() {
		lines = append(lines, string(f.Rule)+": "+f.Where+": "+f.Message)
	}
	return strings.Join(lines, "\n")
}

func TestWhatLibrariesWritePasses(t *testing.T) {
	t.Parallel()
	require.Greater(t, passes(t, testbed.Python(t)), 240)
}

// XGBoost stands in the environment of the stock clients, which "make
// test-clients" makes.
func TestWhatXGBoostWritesPasses(t *testing.T) {
	t.Parallel()
	if os.Getenv("SLIPWAY_TEST_CLIENTS") == "" {
		t.Skip("make test-clients runs this")
	}
	require.Greater(t, passes(t, filepath.Join(testbed.Cache(t), "client-3.17", "bin", "python"), "boosters"), 10)
}

// passes has parts of testdata/honest.py write files and looks at each.
func passes(t *testing.T, python string, parts ...string) int {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), python, append([]string{"-B", "testdata/honest.py", dir}, parts...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Run(), stderr.String())
	n := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		rel, _ := filepath.Rel(dir, path)
		flavor, name, _ := strings.Cut(filepath.ToSlash(rel), "/")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		t.Run(rel, func(t *testing.T) {
			version := files{"MLmodel": "flavors:\n  " + flavor + ": {data: " + name + "}\n", name: string(text)}
			if flavor == "numpy" {
				delete(version, "MLmodel")
			}
			s := scanned(t, scan.Options{}, version)
			require.Empty(t, said(s))
			if strings.HasSuffix(name, ".pkl") || strings.HasSuffix(name, ".joblib") || strings.HasSuffix(name, ".pt") {
				require.NotZero(t, s.Counts.Pickles)
				require.Contains(t, s.Verdict(), "known libraries only")
			}
		})
		return nil
	}))
	return n
}

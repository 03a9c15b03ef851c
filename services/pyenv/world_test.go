package pyenv_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dial"
	"github.com/slipway-ml/slipway/services/pyenv"
	"github.com/slipway-ml/slipway/tests/testbed"
)

func TestMain(m *testing.M) {
	process.Supervise()
	os.Exit(m.Run())
}

// index is a package index, and what was asked of it.
type index struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte
	asked []string
}

func newIndex(t *testing.T) *index {
	t.Helper()
	x := &index{files: map[string][]byte{}}
	x.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.asked = append(x.asked, r.URL.Path)
		if data, ok := x.files[strings.TrimPrefix(r.URL.Path, "/files/")]; ok {
			_, _ = w.Write(data)
			return
		}
		project := strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple"), "/")
		links := ""
		for name, data := range x.files {
			if strings.HasPrefix(name, project+"-") {
				sum := sha256.Sum256(data)
				links += fmt.Sprintf("<a href=\"/files/%s#sha256=%s\">%s</a>\n", name, hex.EncodeToString(sum[:]), name)
			}
		}
		if links == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body>" + links + "</body></html>"))
	}))
	t.Cleanup(x.Close)
	return x
}

func (x *index) requests() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.asked)
}

// wheel publishes a package with a module of its name.
func (x *index) wheel(t *testing.T, name, version, module string, needs ...string) {
	t.Helper()
	meta := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	for _, need := range needs {
		meta += "Requires-Dist: " + need + "\n"
	}
	info := fmt.Sprintf("%s-%s.dist-info/", name, version)
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	record := ""
	for file, text := range map[string]string{
		name + "/__init__.py": module, info + "METADATA": meta, info + "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		info + "entry_points.txt": fmt.Sprintf("[console_scripts]\n%s = %s:main\n", name, name),
	} {
		w, err := z.Create(file)
		require.NoError(t, err)
		_, err = w.Write([]byte(text))
		require.NoError(t, err)
		record += file + ",,\n"
	}
	w, err := z.Create(info + "RECORD")
	require.NoError(t, err)
	_, err = w.Write([]byte(record + info + "RECORD,,\n"))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	x.publish(fmt.Sprintf("%s-%s-py3-none-any.whl", name, version), buf.Bytes())
}

// source publishes a package without a wheel, whose build runs a program.
func (x *index) source(t *testing.T, name, version, program string) {
	t.Helper()
	var buf bytes.Buffer
	compressed := gzip.NewWriter(&buf)
	w := tar.NewWriter(compressed)
	for file, text := range map[string]string{
		"PKG-INFO": fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version),
		// A build backend of its own: nothing else has to be fetched.
		"pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n",
		"backend.py": program + fmt.Sprintf(`
import os, zipfile
def build_wheel(directory, settings=None, metadata=None):
    name, info = "%[1]s-%[2]s-py3-none-any.whl", "%[1]s-%[2]s.dist-info/"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as z:
        files = {"%[1]s.py": "built = True\n", info + "METADATA": "Metadata-Version: 2.1\nName: %[1]s\nVersion: %[2]s\n", info + "WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
        for path, text in files.items():
            z.writestr(path, text)
        z.writestr(info + "RECORD", "".join(p + ",,\n" for p in files) + info + "RECORD,,\n")
    return name
`, name, version),
	} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%s-%s/%s", name, version, file), Mode: 0o644, Size: int64(len(text))}))
		_, err := w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, compressed.Close())
	x.publish(fmt.Sprintf("%s-%s.tar.gz", name, version), buf.Bytes())
}

func (x *index) publish(name string, data []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.files[name] = data
}

// service makes environments from an index, which the operator named.
func service(t *testing.T, dir string, x *index, more ...string) *pyenv.Service {
	t.Helper()
	python, err := filepath.EvalSymlinks(testbed.Python(t))
	require.NoError(t, err)
	return &pyenv.Service{
		Server: "test", Dir: dir, MaxBytes: 1 << 40, UV: testbed.UV(t), Exit: dial.Exit{Now: time.Now}, Now: time.Now,
		Settings: pyenv.FromEnv(append([]string{"PATH=" + filepath.Dir(python) + ":/usr/bin:/bin", "UV_DEFAULT_INDEX=" + x.URL + "/simple"}, more...)),
	}
}

// ask asks for an environment of some requirements.
func ask(t *testing.T, s *pyenv.Service, text string) (*pyenv.Environment, string, error) {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "requirements.txt"), []byte(text), 0o600))
	return askIn(t, s, root)
}

func askIn(t *testing.T, s *pyenv.Service, root string, change ...func(*pyenv.Request)) (*pyenv.Environment, string, error) {
	t.Helper()
	log := &bytes.Buffer{}
	r := pyenv.Request{
		ID: t.Name(), Dir: t.TempDir(), Root: root, Requirements: "requirements.txt", Python: testbed.Python(t), Runner: process.Runner{}, Log: log,
	}
	for _, c := range change {
		c(&r)
	}
	e, err := s.Make(t.Context(), r)
	require.NoDirExists(t, filepath.Join(r.Dir, "python"), "what was needed meanwhile is gone")
	if err == nil {
		t.Cleanup(e.Release)
	}
	return e, log.String(), err
}

func refused(t *testing.T, err error, kind models.Kind, words ...string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, models.KindOf(err), err.Error())
	var known *models.Error
	require.ErrorAs(t, err, &known)
	for _, w := range words {
		require.Contains(t, known.Message, w)
	}
}

// python runs a program in an environment, as a step would.
func python(t *testing.T, e *pyenv.Environment, program string) string {
	t.Helper()
	out := &bytes.Buffer{}
	got, err := process.Runner{}.Run(t.Context(), deploy.RunSpec{
		ID: t.Name(), Server: "test", Command: []string{filepath.Join(e.Bin(), "python"), "-c", program}, Dir: t.TempDir(),
		Env: []string{"PATH=" + e.Bin() + ":/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"}, Read: []string{e.Dir, e.Base}, Timeout: time.Minute, Output: out,
	})
	require.NoError(t, err)
	require.Equal(t, "exit code 0", got.Detail, out)
	return strings.TrimSpace(out.String())
}

package image_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

// compiled puts a program that needs a library of ours in slipway-serve's
// place, and says where that library is.
func compiled(t *testing.T, w *world, flags ...string) (library string) {
	t.Helper()
	dir := t.TempDir()
	cc := func(args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "cc", args...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	source := filepath.Join(dir, "own.c")
	require.NoError(t, os.WriteFile(source, []byte("int own(void) { return 0; }\n"), 0o600))
	main := filepath.Join(dir, "main.c")
	require.NoError(t, os.WriteFile(main, []byte("int own(void); int main(void) { return own(); }\n"), 0o600))
	library = filepath.Join(dir, "libown.so.1")
	cc("-shared", "-fPIC", "-Wl,-soname,libown.so.1", "-o", library, source)
	cc(append([]string{"-o", filepath.Join(dir, "slipway-serve"), main, library}, flags...)...)
	runtime, err := os.ReadFile(filepath.Join(w.RuntimeDir, "libonnxruntime.so"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "libonnxruntime.so"), runtime, 0o600))
	w.RuntimeDir = dir
	return library
}

func TestALibraryBesideTheProgramIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	compiled(t, w, "-Wl,-rpath,$ORIGIN")
	img, err := w.Build(t.Context(), w.register(t, onnx("weights")).ID)
	require.NoError(t, err)
	var own, libc string
	for _, c := range img.Components {
		switch filepath.Base(c.Path) {
		case "libown.so.1":
			own = filepath.Dir(c.Path)
			require.Empty(t, c.Package)
		case "libc.so.6":
			libc = filepath.Dir(c.Path)
		}
	}
	require.NotEmpty(t, libc)
	require.Equal(t, libc, own, "it stands where the image's loader looks")
}

func TestALibraryThatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, os.Remove(compiled(t, w)))
	_, err := w.Build(t.Context(), w.register(t, onnx("weights")).ID)
	require.ErrorContains(t, err, "slipway-serve needs libown.so.1, which is not on this machine")
	require.Equal(t, models.KindConflict, models.KindOf(err))
}

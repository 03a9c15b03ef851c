package local_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/blobtest"
	"github.com/slipway-ml/slipway/storage/blob/local"
)

func open(t *testing.T, dir string) *local.Store {
	t.Helper()
	s, err := local.New(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	blobtest.Exercise(t, func(t *testing.T) blob.Store { return open(t, t.TempDir()) })
}

func TestNothingOutsideIsReached(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "out")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "file")))
	require.NoError(t, os.Symlink("../../../../etc", filepath.Join(dir, "etc")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	s := open(t, dir)

	for _, key := range []string{"out/secret", "file", "etc/passwd"} {
		_, _, err := s.Get(t.Context(), key, 0, -1)
		require.Equal(t, models.KindInvalid, models.KindOf(err), "%v", err)
		_, err = s.Stat(t.Context(), key)
		require.Equal(t, models.KindInvalid, models.KindOf(err), "%v", err)
	}
	_, err := s.Put(t.Context(), "out/new", strings.NewReader("x"), 1)
	require.Equal(t, models.KindInvalid, models.KindOf(err), "%v", err)
	require.Error(t, s.Copy(t.Context(), "file", "copy"))
	_, _, err = s.Get(t.Context(), "pipe", 0, -1)
	require.Equal(t, models.KindNotFound, models.KindOf(err), "%v", err)

	require.NoError(t, s.Walk(t.Context(), "", func(o blob.Object) error {
		t.Errorf("%s is listed", o.Key)
		return nil
	}))
	_, err = s.Put(t.Context(), "file", strings.NewReader("x"), 1) // takes the link's place
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), "out"))
	content, err := os.ReadFile(filepath.Join(outside, "secret"))
	require.NoError(t, err)
	require.Equal(t, "secret", string(content))
}

func TestAFileIsNoFolder(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for _, key := range []string{"a/b", "c"} {
		_, err := s.Put(t.Context(), key, strings.NewReader("x"), 1)
		require.NoError(t, err)
	}
	for _, key := range []string{"a", "c/d", "a/b/c/d", ".upload/x"} {
		_, err := s.Put(t.Context(), key, strings.NewReader("x"), 1)
		require.Equal(t, models.KindInvalid, models.KindOf(err), "%s: %v", key, err)
		var refused *models.Error
		require.ErrorAs(t, err, &refused)
		require.NotContains(t, refused.Message, os.TempDir())
	}
}

// The test runs itself as a process that dies in the middle of an upload.
func TestAKilledUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv("SLIPWAY_TEST_UPLOAD"); dir != "" {
		s := open(t, dir)
		_, _ = s.Put(t.Context(), "1/model.onnx", io.TeeReader(os.Stdin, os.Stdout), -1)
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestAKilledUploadLeavesNothing$")
	cmd.Env = append(os.Environ(), "SLIPWAY_TEST_UPLOAD="+dir)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	half := bytes.Repeat([]byte("x"), 1<<20)
	go func() { _, _ = in.Write(half) }()
	_, err = io.ReadFull(out, make([]byte, len(half)-32<<10))
	require.NoError(t, err)

	s := open(t, dir) // while the writer lives its upload is left alone
	uploads, err := os.ReadDir(filepath.Join(dir, ".upload"))
	require.NoError(t, err)
	require.Len(t, uploads, 1)

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	entries, err := s.List(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, entries)
	open(t, dir)
	uploads, err = os.ReadDir(filepath.Join(dir, ".upload"))
	require.NoError(t, err)
	require.Empty(t, uploads)
}

package folder_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/folder"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestAFileThatHasBecomeAnotherIsNotOpened(t *testing.T) {
	t.Parallel()
	secret := write(t, filepath.Join(t.TempDir(), "secret"), "secret")
	for name, become := range map[string]func(path string) error{
		"a link to a file outside": func(path string) error { return os.Symlink(secret, path) },
		"a link to one inside":     func(path string) error { return os.Symlink("other", path) },
		"another file":             func(path string) error { return os.WriteFile(path, []byte("another"), 0o600) },
		"nothing":                  func(string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "other"), "other")
			path := write(t, filepath.Join(dir, "some", "report"), "fine")
			_, err := folder.Files(dir, func(f folder.File) error {
				if f.Path != "some/report" {
					return nil
				}
				file, err := f.Open()
				require.NoError(t, err)
				text, err := io.ReadAll(file)
				require.NoError(t, err)
				require.Equal(t, "fine", string(text))
				require.NoError(t, file.Close())
				require.NoError(t, os.Rename(path, path+".was"))
				require.NoError(t, become(path))
				_, err = f.Open()
				require.Error(t, err)
				return nil
			})
			require.NoError(t, err)
		})
	}
}

func TestWhatIsGivenToReadIsShownAndNoMore(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "shown")
	inner, outside := write(t, filepath.Join(dir, "below", "file"), "x"), write(t, filepath.Join(t.TempDir(), "outside"), "x")
	require.NoError(t, os.Chmod(dir, 0o700))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	require.NoError(t, folder.Show([]string{dir, inner}))
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	require.Equal(t, os.FileMode(0o755), mode(dir))
	require.Equal(t, os.FileMode(0o755), mode(filepath.Dir(inner)))
	require.Equal(t, os.FileMode(0o644), mode(inner))
	require.Equal(t, os.FileMode(0o600), mode(outside), "a link is not followed")
	require.NoError(t, os.Chmod(inner, 0o600))
	require.NoError(t, folder.Show([]string{dir}))
	require.Equal(t, os.FileMode(0o600), mode(inner), "what is shown is not looked into again")
	require.ErrorIs(t, folder.Show([]string{filepath.Join(dir, "none")}), os.ErrNotExist)
}

func TestEmptyFilesTakeRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := folder.Bytes([]string{dir})
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(dir, name), "")
	}
	require.Equal(t, before+3*4096, folder.Bytes([]string{dir}))
	require.Zero(t, folder.Bytes([]string{filepath.Join(dir, "none")}))
}

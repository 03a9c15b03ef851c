package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/services/validation"
)

// workspace gives the folder that a command works in, its own to change: a copy
// of the version's files.
func workspace(ctx context.Context, s *validation.Subject) (dir string, err error) {
	model, err := s.Folder(ctx)
	if err != nil {
		return "", err
	}
	dir = filepath.Join(s.Dir, "run")
	return dir, copyTree(ctx, model, dir)
}

// maxCopied is the largest file that is copied byte by byte: a larger one is a
// link to the folder that is read only, so that a step need not wait for a copy
// of gigabytes. It is no hard link: writing to that would change both.
const maxCopied = 32 << 20

// copyTree copies folders and plain files.
func copyTree(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o750)
		}
		if err := cheapCopy(path, target); err != nil {
			return fmt.Errorf("copy %s for the command: %w", rel, err)
		}
		return nil
	})
}

// cheapCopy copies a file: its blocks are shared until one of both changes,
// where the file system can.
func cheapCopy(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) == nil {
		return nil
	}
	if info.Size() > maxCopied {
		return errors.Join(os.Remove(to), os.Symlink(from, to))
	}
	_, err = io.Copy(out, in)
	return err
}

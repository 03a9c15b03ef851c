// Package folder hands folders to runs, which may be of another user, and takes
// back what they leave, which may be anything.
package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Give makes folders, and all that is in them, a user's.
func Give(dirs []string, user int) error {
	return eachBelow(dirs, func(root *os.Root, path string) error { return root.Lchown(path, user, user) })
}

// TakeBack makes what a run leaves this process's again, to read and to remove.
// Nothing of it gives rights to who runs it. It is called when all of the run
// has ended, so that nothing moves meanwhile.
func TakeBack(dirs []string) error {
	uid, gid := os.Geteuid(), os.Getegid()
	return eachBelow(dirs, func(root *os.Root, path string) error {
		if uid == 0 {
			if err := root.Lchown(path, uid, gid); err != nil {
				return err
			}
		}
		return changeMode(root, path, 0o700, 0o600)
	})
}

// Show lets everybody read what is at paths, as far as the folders above them
// let anybody through. What is shown already is not looked into.
func Show(paths []string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			if info.Mode()&0o004 != 0 {
				continue
			}
			if err := os.Chmod(path, info.Mode().Perm()|0o444); err != nil {
				return err
			}
			continue
		}
		if info.Mode()&0o005 == 0o005 {
			continue
		}
		if err := show(path); err != nil {
			return err
		}
	}
	return nil
}

// show does the folder itself last: it tells that all of it is shown.
func show(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	var paths []string
	err = fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, filepath.FromSlash(path))
		return err
	})
	for _, path := range slices.Backward(paths) {
		if err == nil {
			err = changeMode(root, path, 0o555, 0o444)
		}
	}
	return errors.Join(err, root.Close())
}

// changeMode adds rights to a folder or a file, and takes those away that make
// it run as its owner.
func changeMode(root *os.Root, path string, folder, file fs.FileMode) error {
	info, err := root.Lstat(path)
	if err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return root.Chmod(path, mode.Perm()|folder)
	case mode.IsRegular():
		return root.Chmod(path, mode.Perm()|file)
	}
	return nil
}

// eachBelow does something with folders and all that is below them, never
// following a link, a folder before what is in it.
func eachBelow(dirs []string, do func(root *os.Root, path string) error) error {
	for _, dir := range dirs {
		if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder; its owner may have closed it
			return err
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		err = fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return do(root, filepath.FromSlash(path))
		})
		if err := errors.Join(err, root.Close()); err != nil {
			return err
		}
	}
	return nil
}

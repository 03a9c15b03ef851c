package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// File is a regular file of a folder that a run wrote to.
type File struct {
	Path string // below the folder, with slashes
	Info fs.FileInfo
	root *os.Root
}

// Open opens it. What has become of it since, it is no link and no device, and
// opening it waits for nobody. The caller closes.
func (f File) Open() (*os.File, error) {
	file, err := f.root.OpenFile(filepath.FromSlash(f.Path), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !os.SameFile(info, f.Info) {
		err = fmt.Errorf("%s has become another file", f.Path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Files calls see for each regular file below dir, in the order of their paths.
// Links, devices, pipes and sockets are left out and counted: what a run leaves
// is read, and never followed.
func Files(dir string, see func(File) error) (leftOut int, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	err = fs.WalkDir(root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return nil
		case !e.Type().IsRegular():
			leftOut++
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return see(File{Path: path, Info: info, root: root})
	})
	return leftOut, errors.Join(err, root.Close())
}

// Open opens a file below a folder that a run wrote to, by its path with
// slashes; one that is no regular file there is an error. The caller closes.
func Open(dir, path string) (*os.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Lstat(filepath.FromSlash(path))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return File{Path: path, Info: info, root: root}.Open()
}

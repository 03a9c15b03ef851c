package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// view is what of this machine's files a run in a mount namespace of its own
// sees: all of them to read, without what is hidden, and its own to write.
type view struct {
	Hide  []string `json:",omitempty"` // folders are empty, files cannot be opened
	Read  []string `json:",omitempty"` // seen below what is hidden, too
	Write []string `json:",omitempty"`
}

// hiddenAnyway are where users, services and other programs keep what is
// theirs. A run has a /tmp, /var/tmp and /dev of its own.
var hiddenAnyway = []string{"/home", "/root", "/run", "/var/run"}

// scratch are the folders that a run has to itself, in memory.
var scratch = []string{"/tmp", "/var/tmp", "/dev/shm"}

const (
	scratchSize   = "size=64m,nr_inodes=16k"
	readOnly      = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	readWrite     = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	deviceAllowed = unix.MOUNT_ATTR_NOSUID
)

// newView is the view of a run that is of user uid (0: of the server's own).
// What it may use is seen whatever the rights of the folders above it.
func newView(private, read, write []string, uid int) (*view, error) {
	v := &view{}
	for _, p := range slices.Concat(hiddenAnyway, private) {
		if target, err := resolved(p); err == nil && target != "/" {
			v.Hide = append(v.Hide, target)
		}
	}
	for _, p := range read {
		v.Read = append(v.Read, bothNames(p)...)
	}
	for _, p := range write {
		names := bothNames(p)
		if len(names) == 0 {
			return nil, fmt.Errorf("there is no %s", p)
		}
		v.Write = append(v.Write, names...)
	}
	if uid != 0 {
		for _, p := range slices.Concat(v.Read, v.Write) {
			if closed := closedAbove(p); closed != "" {
				v.Hide = append(v.Hide, closed)
			}
		}
	}
	return v, nil
}

func resolved(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// bothNames gives the path by which something is named and that where it is;
// none where there is nothing.
func bothNames(path string) []string {
	where, err := resolved(path)
	if err != nil {
		return nil
	}
	if where == filepath.Clean(path) {
		return []string{where}
	}
	return []string{where, filepath.Clean(path)}
}

// closedAbove finds the uppermost folder above path that not everybody may
// enter.
func closedAbove(path string) string {
	for i, c := range path {
		if c != '/' || i == 0 {
			continue
		}
		if info, err := os.Stat(path[:i]); err != nil || info.Mode()&1 == 0 {
			where, err := resolved(path[:i])
			if err != nil {
				return ""
			}
			return where
		}
	}
	return ""
}

// tree is a mount that is not in any place yet.
type tree struct {
	path string
	fd   int // 0: what is there is hidden
	dir  bool
}

// copyTree takes a copy of what is at path, with all that is mounted below.
func copyTree(path string, attr uint64) (tree, error) {
	info, err := os.Stat(path)
	if err != nil {
		return tree{}, err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return tree{}, &fs.PathError{Op: "open_tree", Path: path, Err: err}
	}
	err = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: attr})
	if err != nil {
		return tree{}, &fs.PathError{Op: "mount_setattr", Path: path, Err: err}
	}
	return tree{path: path, fd: fd, dir: info.IsDir()}, nil
}

// put mounts it where it belongs.
func (t tree) put(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := t.makePlace(path); err != nil {
			return err
		}
	}
	err := unix.MoveMount(t.fd, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS)
	if err != nil {
		return &fs.PathError{Op: "move_mount", Path: path, Err: err}
	}
	return unix.Close(t.fd)
}

func (t tree) makePlace(path string) error {
	if t.dir {
		return os.MkdirAll(path, 0o755) //nolint:gosec // another user goes through it
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as above
		return err
	}
	return os.WriteFile(path, nil, 0o600)
}

// enter makes this process, which has a mount namespace of its own, see the
// view and nothing else.
func (v view) enter() error {
	syscall.Umask(0o022)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	// Whatever is to be seen is taken before anything hides it.
	root, err := copyTree("/", readOnly)
	if err != nil {
		return err
	}
	parts, err := v.parts()
	if err != nil {
		return err
	}
	var devices []tree
	for _, name := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if d, err := copyTree("/dev/"+name, deviceAllowed); err == nil {
			devices = append(devices, d)
		}
	}
	if err := root.become(); err != nil {
		return err
	}
	if err := v.ownFolders(devices); err != nil {
		return err
	}
	return place(parts)
}

// become makes a tree the root.
func (t tree) become() error {
	if err := t.put("/proc"); err != nil { // a folder that is there and that nothing of the tree lies in
		return err
	}
	if err := os.Chdir("/proc"); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return os.NewSyscallError("pivot_root", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return os.NewSyscallError("umount", err)
	}
	return os.Chdir("/")
}

// parts takes the trees of the view, and what is hidden, from the top down.
func (v view) parts() ([]tree, error) {
	byPath := map[string]tree{}
	for _, p := range v.Hide {
		if info, err := os.Stat(p); err == nil {
			byPath[p] = tree{path: p, dir: info.IsDir()}
		}
	}
	for attr, paths := range map[uint64][]string{readOnly: v.Read, readWrite: v.Write} {
		for _, p := range paths {
			if attr == readOnly && slices.Contains(v.Write, p) {
				continue
			}
			t, err := copyTree(p, attr)
			if err != nil {
				return nil, err
			}
			byPath[p] = t
		}
	}
	var all []tree
	for _, t := range byPath {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b tree) int { return strings.Compare(a.path+"/", b.path+"/") })
	return all, nil
}

// place puts the parts of a view into it.
func place(parts []tree) error {
	var hidden []string
	for _, t := range parts {
		switch {
		case t.fd != 0:
			if err := t.put(t.path); err != nil {
				return err
			}
		case slices.Contains(scratch, t.path):
		case !t.dir:
			if _, err := os.Stat(t.path); err != nil {
				continue // hidden with its folder
			}
			null, err := copyTree("/dev/null", readOnly) // as a device, which may not be opened so
			if err != nil {
				return err
			}
			if err := null.put(t.path); err != nil {
				return err
			}
		default:
			if info, err := os.Stat(t.path); err != nil || !info.IsDir() {
				continue
			}
			if err := memory(t.path, "mode=755,size=1m"); err != nil {
				return err
			}
			hidden = append(hidden, t.path)
		}
	}
	for _, p := range append(hidden, "/dev") {
		err := unix.MountSetattr(unix.AT_FDCWD, p, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
		if err != nil {
			return &fs.PathError{Op: "mount_setattr", Path: p, Err: err}
		}
	}
	return nil
}

// memory mounts an empty folder.
func memory(path, options string) error {
	err := unix.Mount("slipway", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options)
	if err != nil {
		return &fs.PathError{Op: "mount", Path: path, Err: err}
	}
	return nil
}

// ownFolders gives the run a /proc, a /dev and temporary folders of its own.
func (v view) ownFolders(devices []tree) error {
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return &fs.PathError{Op: "mount", Path: "/proc", Err: err}
	}
	if err := memory("/dev", "mode=755,size=1m"); err != nil {
		return err
	}
	for _, d := range devices {
		if err := d.put(d.path); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"} {
		if err := os.Symlink(target, "/dev/"+name); err != nil {
			return err
		}
	}
	for _, dir := range []string{"/dev/shm", "/dev/pts"} {
		if err := os.Mkdir(dir, 0o755); err != nil { //nolint:gosec // another user goes through it
			return err
		}
	}
	// Without, a run has no terminals.
	_ = unix.Mount("devpts", "/dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620")
	for _, dir := range scratch {
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		if err := memory(dir, "mode=1777,"+scratchSize); err != nil {
			return err
		}
	}
	return nil
}

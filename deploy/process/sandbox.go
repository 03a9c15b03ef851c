package process

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/deploy"
)

// sandbox is what of this machine a run may use, held by the kernel (Landlock)
// where it can: an old one, or one without, lets a run use what this user may.
type sandbox struct {
	Read    []string `json:",omitempty"` // files and folders to read, and to run programs of
	Write   []string `json:",omitempty"` // those to do anything with
	Offline bool     `json:",omitempty"` // dial nobody, but for Ports
	Ports   []uint64 `json:",omitempty"`
	Aside   bool     `json:",omitempty"` // files are not its business
}

// What the kernel is asked to hold. A kernel's ABI tells how many of them it
// knows; the others are left out.
const (
	fsRead  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	fsFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	fsAll = 1<<13 - 1 // of the first ABI

	rulePort = 2 // LANDLOCK_RULE_NET_PORT
)

// dropRights takes from this thread, and what is started from it, what no run
// needs: to gain rights by a setuid program, and, where this user is root, all
// of root's; all but those over files and processes of its own where the run is
// root itself.
func dropRights(all bool) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	kept := []uintptr{
		unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
		unix.CAP_SETGID, unix.CAP_SETUID, unix.CAP_NET_BIND_SERVICE,
	}
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if all || !slices.Contains(kept, c) {
			_ = unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0) // who is not root has none to drop
		}
	}
	return nil
}

// apply binds this thread, and what is started from it, for good.
func (s sandbox) apply() error {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return nil
	}
	var attr unix.LandlockRulesetAttr
	if !s.Aside {
		attr.Handled_access_fs = fsAll
	}
	for since, more := range map[uintptr]uint64{
		2: unix.LANDLOCK_ACCESS_FS_REFER, 3: unix.LANDLOCK_ACCESS_FS_TRUNCATE, 5: unix.LANDLOCK_ACCESS_FS_IOCTL_DEV,
	} {
		if abi >= since && !s.Aside {
			attr.Handled_access_fs |= more
		}
	}
	if abi >= 4 && s.Offline {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 6 {
		// It may not end its supervisor, nor speak to services by sockets that
		// have no file.
		attr.Scoped = unix.LANDLOCK_SCOPE_SIGNAL | unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	if attr == (unix.LandlockRulesetAttr{}) {
		return nil
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return os.NewSyscallError("landlock_create_ruleset", errno)
	}
	defer unix.Close(int(fd))
	for _, p := range s.Read {
		if err := allow(fd, p, fsRead&attr.Handled_access_fs); err != nil {
			return err
		}
	}
	for _, p := range s.Write {
		if err := allow(fd, p, attr.Handled_access_fs); err != nil {
			return err
		}
	}
	if attr.Handled_access_net != 0 {
		for _, port := range s.Ports {
			rule := struct{ access, port uint64 }{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, port}
			if err := addRule(fd, rulePort, unsafe.Pointer(&rule)); err != nil {
				return err
			}
		}
	}
	_, _, errno = unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
	return os.NewSyscallError("landlock_restrict_self", nilIfZero(errno))
}

func nilIfZero(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// allow adds a path to a ruleset; one that is not there needs no rule.
func allow(ruleset uintptr, path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= fsFiles
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access, Parent_fd: int32(fd)}
	return addRule(ruleset, unix.LANDLOCK_RULE_PATH_BENEATH, unsafe.Pointer(&rule))
}

func addRule(ruleset, kind uintptr, rule unsafe.Pointer) error {
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, ruleset, kind, uintptr(rule), 0, 0, 0)
	return os.NewSyscallError("landlock_add_rule", nilIfZero(errno))
}

// around lists what is below dir but for what is hidden. Rules only allow, so
// a hidden folder is one whose neighbours are allowed one by one.
func around(dir string, hidden []string) []string {
	if slices.Contains(hidden, dir) {
		return nil
	}
	prefix := strings.TrimSuffix(dir, "/") + "/"
	if !slices.ContainsFunc(hidden, func(h string) bool { return strings.HasPrefix(h, prefix) }) {
		return []string{dir}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		if e.Type()&os.ModeSymlink == 0 { // a link's target has a place of its own
			all = append(all, around(filepath.Join(dir, e.Name()), hidden)...)
		}
	}
	return all
}

// withoutPrivate is the sandbox of a run where there are no namespaces: it
// reads this user's files but for the private ones, and writes to its own
// folders and to temporary ones.
func withoutPrivate(private, read, write []string, spec deploy.RunSpec) *sandbox {
	s := &sandbox{Offline: !spec.Open}
	var hidden []string
	for _, p := range private {
		if target, err := resolved(p); err == nil {
			hidden = append(hidden, target)
		}
	}
	s.Read = append(around("/", hidden), read...)
	s.Write = slices.Concat(around("/dev", hidden), around("/tmp", hidden), around("/var/tmp", hidden), write)
	for _, address := range spec.Reach {
		if _, text, err := net.SplitHostPort(address); err == nil {
			if port, err := strconv.ParseUint(text, 10, 16); err == nil {
				s.Ports = append(s.Ports, port)
			}
		}
	}
	return s
}

// ofInstance is the sandbox of an instance: its image, what a C library and a
// Go runtime ask of any Linux, and one folder to write to.
func ofInstance(rootfs, own string) *sandbox {
	return &sandbox{
		Read:    []string{rootfs, "/proc", "/sys", "/dev/urandom", "/dev/random", "/etc/localtime", "/usr/share/zoneinfo"},
		Write:   []string{own, "/dev/null", "/dev/zero"},
		Offline: true,
	}
}

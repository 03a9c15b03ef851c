package process

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what this machine gives for keeping a run apart, looked at once.
type machine struct {
	apart    bool   // namespaces: processes, mounts, network, IPC and name of its own
	why      string // they are not to be had
	users    users  // that runs may be, one each; none where they are the server's own user
	landlock int    // its ABI; 0: none
}

var thisMachine = sync.OnceValue(func() machine {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	m := machine{users: freeUsers()}
	if errno == 0 {
		m.landlock = int(abi)
	}
	if err := tryApart(m.users); err != nil {
		m.why = err.Error()
	} else {
		m.apart = true
	}
	return m
})

// lacks says what a run on this machine is not kept from.
func (m machine) lacks() []string {
	var all []string
	if !m.apart {
		all = append(all, "a run has no namespaces of its own ("+m.why+"): it sees this machine's processes and shares its /tmp")
		switch {
		case m.landlock == 0 && m.users.first == 0:
			all = append(all, "nothing keeps a run from the server's files: the kernel has no Landlock")
		case m.landlock == 0:
			all = append(all, "a run reads what every user of this machine may read: the kernel has no Landlock")
		}
		if m.landlock < 4 {
			all = append(all, "a run reaches whatever this machine reaches")
		} else {
			all = append(all, "a run reaches other machines at the ports that it may dial here, and all of them by UDP")
		}
	}
	if m.users.first == 0 {
		all = append(all, "a run is of the server's own user: only root can give it one of its own")
	}
	return all
}

// tryApart starts a helper in namespaces of its own, which looks whether it can
// build a run's view.
func tryApart(u users) error {
	if err := notSupervising(); err != nil {
		return err
	}
	orders, orderWriter, err := os.Pipe()
	if err != nil {
		return err
	}
	defer orderWriter.Close()
	reports, reportWriter, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reports.Close()
	cmd := helper("", superviseName, "probe", "")
	cmd.ExtraFiles = []*os.File{orders, reportWriter}
	setApart(cmd, u)
	err = cmd.Start()
	orders.Close()
	reportWriter.Close()
	if err != nil {
		return err
	}
	defer func() { _ = cmd.Wait() }()
	// One that does not answer is no supervisor: main has not called Supervise.
	_ = reports.SetReadDeadline(now().Add(10 * time.Second))
	defer func() { _ = cmd.Process.Kill() }()
	if err := json.NewEncoder(orderWriter).Encode(order{Task: &task{Probe: true, View: &view{}}}); err != nil {
		return err
	}
	var answer report
	if err := json.NewDecoder(reports).Decode(&answer); err != nil {
		return fmt.Errorf("the helper did not answer: %w", err)
	}
	if answer.Error != "" {
		return fmt.Errorf("%s", answer.Error)
	}
	return nil
}

// setApart has a helper start in namespaces of its own, as their first process:
// all that is in them ends with it. One that is not root's gets a user
// namespace too, in which it has the rights to build the others.
func setApart(cmd *exec.Cmd, u users) {
	cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	if u.first != 0 {
		return
	}
	cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		cmd.SysProcAttr.AmbientCaps = append(cmd.SysProcAttr.AmbientCaps, c)
	}
}

// users are ids that are nobody's, for runs to be.
type users struct{ first, count int }

// Ranges that are left free (systemd's table of user ids): one beyond those of
// containers, and that of its dynamic users where few ids are to be had.
var freeRanges = []users{{1879048192, 1 << 24}, {61184, 4000}}

// neededRights are those to give a run a user and namespaces of its own, and
// its folders to that user.
var neededRights = []uint{
	unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_KILL, unix.CAP_SETGID, unix.CAP_SETUID,
	unix.CAP_SETPCAP, unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN,
}

// freeUsers are those that this process can make runs be; none unless it has
// root's rights.
func freeUsers() users {
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), "\nCapEff:")
	var rights uint64
	if _, err := fmt.Sscanf(rest, "%x", &rights); err != nil || os.Geteuid() != 0 {
		return users{}
	}
	for _, c := range neededRights {
		if rights&(1<<c) == 0 {
			return users{}
		}
	}
	for _, r := range freeRanges {
		if mapped("/proc/self/uid_map", r) && mapped("/proc/self/gid_map", r) {
			return r
		}
	}
	return users{}
}

// mapped tells whether all of a range are ids of this user namespace.
func mapped(file string, r users) bool {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		var first, outside, count int
		if _, err := fmt.Sscan(line, &first, &outside, &count); err == nil && first <= r.first && r.first+r.count <= first+count {
			return true
		}
	}
	return false
}

// FreeUser gives a user id, and group id, that is nobody's, for a run to be; 0
// where this process may not make it so.
func FreeUser() int { return thisMachine().users.pick() }

// pick gives one of them; 0 where there are none. They are so many that two
// runs at once are not the same, and were they, their views would keep them
// apart.
func (u users) pick() int {
	if u.count == 0 {
		return 0
	}
	return u.first + rand.IntN(u.count) //nolint:gosec // no secret
}

package process

import (
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/forward"
)

// ending is what the kernel tells of the run's first process.
type ending struct {
	status syscall.WaitStatus
	usage  syscall.Rusage
}

type supervisor struct {
	task  task
	out   *os.File // where the run's output goes
	pid   int
	began time.Time
	stops chan time.Duration // graces of the stops asked for
	ended chan ending
	full  chan deploy.RunResult // what is said of a run that wrote too much
	peak  int64

	hidden atomic.Int64 // memory that no process has mapped: memfds
}

// start starts the run in a session of its own, with its limits.
func (s *supervisor) start() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	for _, v := range s.task.Env {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			_ = os.Setenv("PATH", path)
		}
	}
	if err := os.Chdir(s.task.Dir); err != nil {
		return fmt.Errorf("enter the working folder: %w", err)
	}
	program, err := exec.LookPath(s.task.Command[0])
	if err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	s.watchDisk()
	if err := s.limit(); err != nil {
		return err
	}
	attr := &syscall.ProcAttr{
		Dir: s.task.Dir, Env: s.task.Env, Files: []uintptr{null.Fd(), s.out.Fd(), s.out.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	if s.task.Socket {
		attr.Files = append(attr.Files, socketFD)
	}
	if id := uint32(s.task.User); id != 0 {
		attr.Sys.Credential = &syscall.Credential{Uid: id, Gid: id}
	}
	s.began = now()
	if s.pid, err = s.fork(program, attr); err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	// Where memory runs out all the same, the kernel picks the run, not us.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", s.pid), []byte("500"), 0)
	go s.reap()
	return nil
}

// fork starts the run from a thread of its own: its sandbox and its network
// bind that thread, and would bind this program.
func (s *supervisor) fork(program string, attr *syscall.ProcAttr) (int, error) {
	return s.onThread(func() (int, error) {
		if s.task.View != nil && !s.task.Online {
			if err := ownNetwork(s.task.Reach); err != nil {
				return 0, err
			}
		}
		if err := s.spareCPUs(); err != nil {
			return 0, err
		}
		if err := dropRights(s.task.View != nil || s.task.User != 0); err != nil {
			return 0, err
		}
		if s.task.Sandbox != nil {
			if err := s.task.Sandbox.apply(); err != nil {
				return 0, err
			}
		}
		return syscall.ForkExec(program, s.task.Command, attr) //nolint:gosec // this is what it is for
	})
}

// onThread does something on a thread that does nothing else. It lasts as long
// as this program, since a child's death signal comes when the thread that
// started it ends.
func (s *supervisor) onThread(do func() (int, error)) (int, error) {
	type done struct {
		n   int
		err error
	}
	result := make(chan done)
	var start func()
	start = func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			go start() // the first thread stands for this program: a signal to it would be one among equals
			select {}
		}
		n, err := do()
		result <- done{n, err}
		select {}
	}
	go start()
	d := <-result
	return d.n, d.err
}

// ownNetwork gives this thread, and what is started from it, a network in which
// there is nothing but what may be reached. That is dialled outside, by the
// other threads.
func ownNetwork(reach []string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(socket)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback); err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	for _, address := range reach {
		l, err := net.Listen("tcp", address) //nolint:noctx // an address of numbers: nothing is waited for
		if err != nil {
			return fmt.Errorf("stand in for %s: %w", address, err)
		}
		dialer := &net.Dialer{Timeout: 10 * time.Second}
		go forward.Serve(l, func() (net.Conn, error) { return dialer.Dial("tcp", address) })
	}
	return nil
}

// spareCPUs leaves this thread, and what is started from it, no more cores
// than a run may use, whole ones.
func (s *supervisor) spareCPUs() error {
	if s.task.CPUs <= 0 {
		return nil
	}
	var all, some unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	left := int(math.Ceil(s.task.CPUs))
	// From a place of its own on, so that two runs do not share one core while
	// others idle.
	for i, at := 0, os.Getpid()+int(s.began.UnixNano()); i < 8*len(all)*8 && left > 0; i++ {
		if cpu := (at + i) & (8*len(all)*8 - 1); all.IsSet(cpu) {
			some.Set(cpu)
			left--
		}
	}
	return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(0, &some))
}

// limit sets the limits that the kernel holds. A run inherits them from this
// program, which bears them: it writes no file and uses little.
func (s *supervisor) limit() error {
	limits := map[int]uint64{unix.RLIMIT_CORE: 0}
	if n := uint64(max(s.task.FileBytes, 0)); n > 0 {
		limits[unix.RLIMIT_FSIZE] = n
	}
	if n := uint64(max(s.task.MemoryBytes, 0)); n > 0 {
		// Memory is judged by what is resident (check); this stops what
		// outruns that. Room is left because the kernel counts stacks and
		// arenas that are reserved but unused.
		limits[unix.RLIMIT_DATA] = 2*n + 1<<30
	}
	if n := uint64(max(s.task.Processes, 0)); n > 0 && s.task.View != nil {
		limits[unix.RLIMIT_NPROC] = 4*n + 256 // as above: threads count, too
	}
	for what, n := range limits {
		var was unix.Rlimit
		if err := unix.Getrlimit(what, &was); err == nil && was.Max < n {
			continue // the server's own is less
		}
		if err := syscall.Setrlimit(what, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	if n := uint64(max(s.task.CPUSeconds, 0)); n > 0 {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGXCPU) // of our own use, were it so much
		if err := syscall.Setrlimit(unix.RLIMIT_CPU, &syscall.Rlimit{Cur: n, Max: n + 1}); err != nil {
			return os.NewSyscallError("setrlimit", err)
		}
	}
	return nil
}

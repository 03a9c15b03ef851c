package process

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/deploy"
)

// superviseName is the name (argv[0]) by which this program knows that it is
// a supervisor; the server's id and the run's follow it.
const superviseName = "slipway-supervise"

// task is what a supervisor runs.
type task struct {
	Command     []string
	Dir         string
	Env         []string
	Timeout     time.Duration
	MemoryBytes int64
	CPUSeconds  int64
	FileBytes   int64
	Processes   int
	Sandbox     *sandbox `json:",omitempty"`
}

// order is what the server tells a supervisor: first a task, then stops.
type order struct {
	Task  *task         `json:",omitempty"`
	Grace time.Duration `json:",omitempty"`
}

// report is what a supervisor tells the server: first a process id, then the
// result; or why there is none.
type report struct {
	PID    int               `json:",omitempty"`
	Error  string            `json:",omitempty"`
	Result *deploy.RunResult `json:",omitempty"`
}

// Supervise does the work of a run's supervisor or an instance's keeper, and
// exits, where this program was started as one; elsewhere it returns at once.
// It is the first call of main.
func Supervise() {
	if len(os.Args) == 0 || os.Args[0] != superviseName && os.Args[0] != keepName {
		return
	}
	orders, reports := os.NewFile(3, "orders"), os.NewFile(4, "reports")
	// A run gets none of these, nor what the server's own parent left open.
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	receive, send := json.NewDecoder(orders), json.NewEncoder(reports)
	var first order
	if err := receive.Decode(&first); err != nil || first.Task == nil {
		os.Exit(2) //nolint:forbidigo // this is a main
	}
	s := &supervisor{task: *first.Task, out: os.Stdout, stops: make(chan time.Duration), ended: make(chan ending, 1)}
	var err error
	if os.Args[0] == keepName {
		err = s.keep(send)
	} else {
		err = s.supervise(receive, send)
	}
	if err != nil {
		_ = send.Encode(report{Error: err.Error()})
		os.Exit(1) //nolint:forbidigo // this is a main
	}
	os.Exit(0) //nolint:forbidigo // this is a main
}

// supervise does one run and reports how it ended.
func (s *supervisor) supervise(receive *json.Decoder, send *json.Encoder) error {
	if err := s.start(); err != nil {
		return err
	}
	_ = send.Encode(report{PID: s.pid})
	go s.listen(receive)
	s.onSignal(syscall.SIGTERM, 0)
	s.onSignal(syscall.SIGINT, 0)
	result := s.watch()
	return send.Encode(report{Result: &result})
}

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
	peak  int64
}

// start starts the run in a session of its own, with its limits.
func (s *supervisor) start() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	// These two are inherited, and this program neither writes files nor dumps.
	_ = syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{})
	if n := uint64(max(s.task.FileBytes, 0)); n > 0 {
		if err := syscall.Setrlimit(unix.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("limit the size of files: %w", err)
		}
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
	s.began = now()
	s.pid, err = s.fork(program, &syscall.ProcAttr{
		Dir: s.task.Dir, Env: s.task.Env, Files: []uintptr{null.Fd(), s.out.Fd(), s.out.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	s.limit()
	go s.reap()
	return nil
}

// fork starts the run from a thread of its own: its sandbox binds that thread,
// and would bind this program. The thread lasts as long as this program, since
// a child's death signal comes when the thread that started it ends.
func (s *supervisor) fork(program string, attr *syscall.ProcAttr) (int, error) {
	type forked struct {
		pid int
		err error
	}
	result := make(chan forked)
	var start func()
	start = func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			go start() // the first thread stands for this program: a signal to it would be one among equals
			select {}
		}
		f := forked{err: dropRights()}
		if f.err == nil && s.task.Sandbox != nil {
			f.err = s.task.Sandbox.apply()
		}
		if f.err == nil {
			f.pid, f.err = syscall.ForkExec(program, s.task.Command, attr) //nolint:gosec // this is what it is for
		}
		result <- f
		select {}
	}
	go start()
	f := <-result
	return f.pid, f.err
}

// limit sets the limits that this program could not bear itself. The run is
// still loading its libraries, so none of its children escapes them.
func (s *supervisor) limit() {
	if n := uint64(max(s.task.CPUSeconds, 0)); n > 0 {
		_ = unix.Prlimit(s.pid, unix.RLIMIT_CPU, &unix.Rlimit{Cur: n, Max: n + 1}, nil)
	}
	if n := uint64(max(s.task.MemoryBytes, 0)); n > 0 {
		// Memory is judged by what is resident (check); this stops what
		// outruns that. Room is left because the kernel counts stacks and
		// arenas that are reserved but unused.
		n = 2*n + 1<<30
		_ = unix.Prlimit(s.pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: n, Max: n}, nil)
	}
	// Where memory runs out all the same, the kernel picks the run, not us.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", s.pid), []byte("500"), 0)
}

// reap waits for every child, adopted ones too.
func (s *supervisor) reap() {
	for {
		var e ending
		pid, err := syscall.Wait4(-1, &e.status, 0, &e.usage)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return // none is left, nor can any come: the run's first process has ended
		case pid == s.pid:
			s.ended <- e
		}
	}
}

// listen takes the server's stops. A server that is gone is the last of them.
func (s *supervisor) listen(receive *json.Decoder) {
	for {
		var o order
		if err := receive.Decode(&o); err != nil {
			s.stops <- 0
			return
		}
		s.stops <- o.Grace
	}
}

// onSignal makes a signal a stop.
func (s *supervisor) onSignal(sig os.Signal, grace time.Duration) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, sig)
	go func() {
		for range signals {
			s.stops <- grace
		}
	}()
}

// watch follows the run to its end, ends it where it must, and leaves nothing
// of it behind.
func (s *supervisor) watch() deploy.RunResult {
	var deadline, kill <-chan time.Time
	if s.task.Timeout > 0 {
		deadline = time.After(s.task.Timeout)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var why deploy.RunResult // set once it was decided that the run ends
	pids := []int{s.pid}
	for n := 0; ; n++ {
		select {
		case e := <-s.ended:
			leftovers := s.killAll()
			return s.result(e, why, leftovers)
		case grace := <-s.stops:
			if why.Ending == "" {
				why = deploy.RunResult{Ending: deploy.EndedCancel, Detail: "stopped"}
			}
			// One that is stopped soon may not have been looked at yet.
			s.peak = max(s.peak, residentBytes(descendants(os.Getpid())))
			_ = syscall.Kill(-s.pid, syscall.SIGTERM)
			kill = time.After(grace)
		case <-deadline:
			why = deploy.RunResult{Ending: deploy.EndedTimeout, Detail: fmt.Sprintf("still running after %s", s.task.Timeout)}
			s.killAll()
		case <-kill:
			s.killAll()
		case <-tick.C:
			if n%4 == 0 {
				pids = descendants(os.Getpid())
			}
			if verdict := s.check(pids); verdict.Ending != "" && why.Ending == "" {
				why = verdict
				s.killAll()
			}
		}
	}
}

// check holds the run to its memory and its number of processes. The kernel's
// own limit on processes counts all of a user's, and does not bind root.
func (s *supervisor) check(pids []int) deploy.RunResult {
	used := residentBytes(pids)
	if limit := s.task.MemoryBytes; limit > 0 && used > limit {
		if exact, ok := proportionalBytes(pids); ok {
			used = exact
		}
		if used > limit {
			s.peak = max(s.peak, used)
			return deploy.RunResult{
				Ending: deploy.EndedMemory,
				Detail: fmt.Sprintf("used %d MiB of memory, its limit is %d MiB", used>>20, limit>>20),
			}
		}
	}
	s.peak = max(s.peak, used)
	if limit := s.task.Processes; limit > 0 && len(pids) > limit {
		return deploy.RunResult{
			Ending: deploy.EndedProcesses,
			Detail: fmt.Sprintf("ran %d processes at once, its limit is %d", len(pids), limit),
		}
	}
	return deploy.RunResult{}
}

// killAll ends every process below this one and tells how many it met. What
// a killed process started meanwhile is adopted, and so met the next time.
func (s *supervisor) killAll() int {
	met := map[int]bool{}
	for end := now().Add(10 * time.Second); now().Before(end); {
		pids := descendants(os.Getpid())
		if len(pids) == 0 {
			break
		}
		for _, pid := range pids {
			met[pid] = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		<-time.After(time.Millisecond)
	}
	return len(met)
}

// result puts an ending in the contract's words.
func (s *supervisor) result(e ending, why deploy.RunResult, leftovers int) deploy.RunResult {
	r := why
	r.Duration = now().Sub(s.began)
	r.PeakRSS = max(s.peak, s.ownPeak(e.usage))
	switch {
	case r.Ending != "":
	case e.status.Exited():
		r.Ending, r.ExitCode = deploy.EndedExit, e.status.ExitStatus()
		r.Detail = fmt.Sprintf("exit code %d", r.ExitCode)
		if leftovers > 0 {
			r.Detail += fmt.Sprintf("; ended %d processes it left running", leftovers)
		}
	case e.status.Signal() == syscall.SIGXCPU, s.usedCPU(e):
		r.Ending, r.Detail = deploy.EndedTimeout, fmt.Sprintf("used its %d seconds of CPU", s.task.CPUSeconds)
	case e.status.Signal() == syscall.SIGXFSZ:
		r.Ending, r.Detail = deploy.EndedSignal, fmt.Sprintf("wrote a file larger than its limit of %d bytes", s.task.FileBytes)
	case e.status.Signal() == syscall.SIGKILL:
		r.Ending, r.Detail = deploy.EndedSignal, "killed from outside, most likely because the machine ran out of memory"
	default:
		r.Ending, r.Detail = deploy.EndedSignal, "crashed: "+e.status.Signal().String()
	}
	return r
}

// ownPeak is the most memory that the first process held, between two looks at
// it too. The kernel begins counting with what this program held when it
// started the run, so a figure no larger than that tells nothing.
func (s *supervisor) ownPeak(of syscall.Rusage) int64 {
	var self syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil || of.Maxrss <= self.Maxrss {
		return 0
	}
	return of.Maxrss << 10
}

// usedCPU tells whether a SIGKILL was the kernel's answer to one that ignored
// its first warning about CPU time.
func (s *supervisor) usedCPU(e ending) bool {
	return s.task.CPUSeconds > 0 && e.status.Signal() == syscall.SIGKILL &&
		e.usage.Utime.Sec+e.usage.Stime.Sec >= s.task.CPUSeconds
}

// now is the wall clock: a supervisor is a main of its own.
func now() time.Time { return time.Now() } //nolint:forbidigo // a main reads the clock

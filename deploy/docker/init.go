package docker

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/forward"
)

// Where a run's container has what is ours.
const (
	initPath    = "/slipway-init"    // this program, under the name by which it knows what it is
	controlPath = "/slipway-control" // a folder of this run alone, shared with the server
	taskFile    = "task.json"
	socketFile  = "server.sock"
)

// control is what a connection to the server's socket begins with that is the
// init's own; others begin with the address that they are to be joined with.
const control = "control"

// initTask is what a container's init does.
type initTask struct {
	Command   []string
	Reach     []string
	Processes int
}

// initReport is what it tells the server: first that the run has started, or
// why not, then how it ended.
type initReport struct {
	Error  string            `json:",omitempty"`
	Result *deploy.RunResult `json:",omitempty"`
}

// initOrder is what the server tells it: to ask the run to end, by SIGTERM. A
// connection that ends asks nobody.
type initOrder struct{ Term bool }

// Init does the work of a run's container's first process, and exits, where
// this program was started as one; elsewhere it returns at once. It is called
// by main before anything else. The first process carries connections, tells
// apart how the run ended, and ends all of it when the server has gone, whether
// or not the Engine is there to do so.
func Init() {
	if len(os.Args) == 0 || os.Args[0] != initPath {
		return
	}
	conn, err := dialServer(control)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the server that started this container has gone:", err)
		os.Exit(1) //nolint:forbidigo // this is a main
	}
	send := json.NewEncoder(conn)
	run, err := startInside()
	if err != nil {
		_ = send.Encode(initReport{Error: err.Error()})
		os.Exit(1) //nolint:forbidigo // this is a main
	}
	_ = send.Encode(initReport{})
	go run.obey(json.NewDecoder(conn))
	result := run.wait()
	_ = send.Encode(initReport{Result: &result})
	os.Exit(0) //nolint:forbidigo // with it ends all that is left
}

// dialServer opens a connection to the server, which joins it with an address.
func dialServer(with string) (net.Conn, error) {
	conn, err := net.Dial("unix", filepath.Join(controlPath, socketFile)) //nolint:noctx // a file: nothing is waited for
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(conn, with+"\n")
	return conn, err
}

// inside is a run, seen from within its container.
type inside struct {
	task  initTask
	pid   int
	began time.Time
}

func startInside() (*inside, error) {
	text, err := os.ReadFile(filepath.Join(controlPath, taskFile))
	if err != nil {
		return nil, err
	}
	r := &inside{}
	if err := json.Unmarshal(text, &r.task); err != nil {
		return nil, err
	}
	for _, address := range r.task.Reach {
		l, err := net.Listen("tcp", address) //nolint:noctx // an address of numbers: nothing is waited for
		if err != nil {
			return nil, fmt.Errorf("stand in for %s: %w", address, err)
		}
		go forward.Serve(l, func() (net.Conn, error) { return dialServer(address) })
	}
	program, err := exec.LookPath(r.task.Command[0])
	if err != nil {
		return nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	r.began = now()
	r.pid, err = syscall.ForkExec(program, r.task.Command, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{null.Fd(), 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	return r, err
}

// obey asks the run to end when the server says so, and ends it when the server
// has gone.
func (r *inside) obey(receive *json.Decoder) {
	for {
		var o initOrder
		if receive.Decode(&o) != nil {
			os.Exit(1) //nolint:forbidigo // with it ends all of the run
		}
		if o.Term {
			_ = syscall.Kill(-r.pid, syscall.SIGTERM)
		}
	}
}

// wait follows the run to its end. Orphans are this process's, and reaped.
func (r *inside) wait() deploy.RunResult {
	ended := make(chan syscall.WaitStatus, 1)
	go func() {
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, 0, nil)
			switch {
			case pid == r.pid:
				ended <- status
				return
			case err != nil && err != syscall.EINTR:
				return
			}
		}
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case status := <-ended:
			return r.result(status)
		case <-tick.C:
			if n := event("pids.events", "max"); r.task.Processes > 0 && n > 0 {
				return deploy.RunResult{
					Ending: deploy.EndedProcesses, Duration: now().Sub(r.began),
					Detail: fmt.Sprintf("ran more processes and threads at once than its limit of %d", r.task.Processes),
				}
			}
		}
	}
}

func (r *inside) result(status syscall.WaitStatus) deploy.RunResult {
	result := deploy.RunResult{Ending: deploy.EndedExit, ExitCode: status.ExitStatus(), Duration: now().Sub(r.began)}
	result.Detail = fmt.Sprintf("exit code %d", result.ExitCode)
	// Of its largest process. The kernel begins counting with what this program
	// held when it started the run, so a figure no larger than that tells nothing.
	var used, self syscall.Rusage
	if errors.Join(syscall.Getrusage(syscall.RUSAGE_CHILDREN, &used), syscall.Getrusage(syscall.RUSAGE_SELF, &self)) == nil && used.Maxrss > self.Maxrss {
		result.PeakRSS = used.Maxrss << 10
	}
	killed := event("memory.events", "oom_kill") + event("memory.oom_control", "oom_kill")
	switch {
	case killed > 0 && (status.Signaled() || result.ExitCode != 0):
		result.Ending, result.ExitCode, result.Detail = deploy.EndedMemory, 0, "used more memory than its limit"
	case status.Exited():
	case status.Signal() == syscall.SIGXCPU:
		result.Ending, result.ExitCode, result.Detail = deploy.EndedTimeout, 0, "used the seconds of CPU that it may"
	case status.Signal() == syscall.SIGXFSZ:
		result.Ending, result.ExitCode, result.Detail = deploy.EndedSignal, 0, "wrote a file larger than its limit"
	default:
		result.Ending, result.ExitCode, result.Detail = deploy.EndedSignal, 0, "crashed: "+status.Signal().String()
	}
	return result
}

// event reads a counter of this container's control group, of either version;
// 0 where there is none.
func event(file, name string) int64 {
	controller, _, _ := strings.Cut(file, ".")
	for _, dir := range []string{"/sys/fs/cgroup", filepath.Join("/sys/fs/cgroup", controller)} {
		f, err := os.Open(filepath.Join(dir, file))
		if err != nil {
			continue
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
				n, _ := strconv.ParseInt(value, 10, 64)
				return n
			}
		}
	}
	return 0
}

// now is the wall clock: the durations of a run are measured where it runs.
func now() time.Time { return time.Now() } //nolint:forbidigo // a duration, not a rule

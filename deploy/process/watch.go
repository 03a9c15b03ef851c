package process

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/deploy"
)

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
			if why.Ending == "" {
				why = deploy.RunResult{Ending: deploy.EndedTimeout, Detail: fmt.Sprintf("still running after %s", s.task.Timeout)}
			}
			_ = syscall.Kill(-s.pid, syscall.SIGTERM)
			kill = time.After(s.task.Grace)
		case verdict := <-s.full:
			if why.Ending == "" {
				why = verdict
			}
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
	used := residentBytes(pids) + s.hidden.Load()
	if limit := s.task.MemoryBytes; limit > 0 && used > limit {
		if exact, ok := proportionalBytes(pids); ok {
			used = exact + s.hidden.Load()
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
		if os.Getpid() == 1 {
			_ = syscall.Kill(-1, syscall.SIGKILL) // all of the namespace, at one stroke
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

package deploy

import (
	"context"
	"io"
	"os"
	"time"
)

// RunSpec describes one run that ends: a validation step, a check's inference.
type RunSpec struct {
	ID          string // unique; also names its working folder
	Server      string
	Command     []string // argv; no shell is added
	Dir         string   // working folder, prepared by the caller, writable
	Env         []string // the whole environment: nothing is inherited
	Image       string   // a container image, for a runner that has containers
	Read        []string // files and folders that it reads, at these paths
	Write       []string // folders besides Dir that it writes to, at these paths
	Reach       []string // addresses host:port on this machine that it dials, at these addresses
	Open        bool     // it also dials whatever this machine reaches
	AsServer    bool     // it is of the server's own user: a program of the operator's, whose folders are kept between runs
	Timeout     time.Duration
	Listener    *os.File      // a socket that listens, by which it is dialled: its descriptor 3; nil: none
	Grace       time.Duration // from SIGTERM to SIGKILL where it is ended
	CPUs        float64       // cores; 0: no limit
	MemoryBytes int64         // 0: no limit
	CPUSeconds  int64         // 0: no limit
	FileBytes   int64         // largest file it may write; 0: no limit
	DiskBytes   int64         // by which Dir and Write together may grow; 0: no limit
	Processes   int           // 0: no limit
	Output      io.Writer     // stdout and stderr, interleaved
}

// Ending says how a run ended.
type Ending string

// The endings of a run.
const (
	EndedExit      Ending = "exit"      // by itself; see ExitCode
	EndedSignal    Ending = "signal"    // crashed
	EndedTimeout   Ending = "timeout"   // killed at its deadline
	EndedMemory    Ending = "memory"    // killed for its memory
	EndedProcesses Ending = "processes" // killed for too many processes
	EndedDisk      Ending = "disk"      // killed for what it wrote to its folders
	EndedCancel    Ending = "cancelled" // killed because ctx was
)

// RunResult is how one run went.
type RunResult struct {
	Ending   Ending
	ExitCode int
	Detail   string // in a line: the signal, the limit
	Duration time.Duration
	PeakRSS  int64 // bytes; 0 where unknown
}

// Process is a run that serves while it lives, such as slipway-serve under
// measurement.
type Process interface {
	// Wait blocks until it has ended.
	Wait() RunResult
	// Stop ends it, whole, within grace.
	Stop(grace time.Duration) RunResult
}

// Runner does runs. Whatever a run started is gone when it has ended, its
// children too.
type Runner interface {
	// Run does one run and waits for its end. An error means that it could not
	// be started; how it ended is the result's.
	Run(ctx context.Context, spec RunSpec) (RunResult, error)
	// Start begins a run and returns; it ends with ctx at the latest.
	Start(ctx context.Context, spec RunSpec) (Process, error)
	// Lacks says, in a sentence each, what a run on this machine is not kept
	// from.
	Lacks() []string
	// Clean ends what earlier lives of this server left running.
	Clean(ctx context.Context, server string) error
}

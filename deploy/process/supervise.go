package process

import (
	"encoding/json"
	"math"
	"os"
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
	Probe       bool `json:",omitempty"` // nothing: whether it could is asked
	Command     []string
	Dir         string
	Env         []string
	Timeout     time.Duration
	Grace       time.Duration
	CPUs        float64
	MemoryBytes int64
	CPUSeconds  int64
	FileBytes   int64
	DiskBytes   int64
	Disk        []string // the folders that DiskBytes is of
	Processes   int

	View    *view    `json:",omitempty"` // in a mount namespace of its own
	Online  bool     `json:",omitempty"` // with a View: the network is this machine's
	Reach   []string `json:",omitempty"` // of this machine, in a network namespace of its own
	User    int      `json:",omitempty"` // that the run is, and its group; 0: the supervisor's own
	Sandbox *sandbox `json:",omitempty"`
	Socket  bool     `json:",omitempty"` // there is a listening socket to pass on
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

// The descriptors that a supervisor is started with beside its streams.
const (
	ordersFD = 3 + iota
	reportsFD
	socketFD
)

// Supervise does the work of a run's supervisor or an instance's keeper, and
// exits, where this program was started as one; elsewhere it returns at once.
// It is the first call of main.
func Supervise() {
	if len(os.Args) == 0 || os.Args[0] != superviseName && os.Args[0] != keepName {
		return
	}
	orders, reports := os.NewFile(ordersFD, "orders"), os.NewFile(reportsFD, "reports")
	// A run gets none of these, nor what the server's own parent left open.
	syscall.CloseOnExec(ordersFD)
	syscall.CloseOnExec(reportsFD)
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	receive, send := json.NewDecoder(orders), json.NewEncoder(reports)
	var first order
	if err := receive.Decode(&first); err != nil || first.Task == nil {
		os.Exit(2) //nolint:forbidigo // this is a main
	}
	s := &supervisor{
		task: *first.Task, out: os.Stdout, stops: make(chan time.Duration), ended: make(chan ending, 1), full: make(chan deploy.RunResult, 1),
	}
	var err error
	switch {
	case s.task.Probe:
		err = s.probe(send)
	case os.Args[0] == keepName:
		err = s.keep(send)
	default:
		err = s.supervise(receive, send)
	}
	if err != nil {
		_ = send.Encode(report{Error: err.Error()})
		os.Exit(1) //nolint:forbidigo // this is a main
	}
	os.Exit(0) //nolint:forbidigo // this is a main
}

// probe tells whether a run could be kept apart here.
func (s *supervisor) probe(send *json.Encoder) error {
	if err := s.task.View.enter(); err != nil {
		return err
	}
	if _, err := s.onThread(func() (int, error) { return 0, ownNetwork(nil) }); err != nil {
		return err
	}
	return send.Encode(report{})
}

// supervise does one run and reports how it ended.
func (s *supervisor) supervise(receive *json.Decoder, send *json.Encoder) error {
	if s.task.View != nil {
		if err := s.task.View.enter(); err != nil {
			return err
		}
	}
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

// now is the wall clock: a supervisor is a main of its own.
func now() time.Time { return time.Now() } //nolint:forbidigo // a main reads the clock

package process

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// Runner does runs as processes of this machine.
type Runner struct {
	// Supervisor is the program to start as a supervisor, one that calls
	// Supervise first; "" for this one.
	Supervisor string
	// Private are folders and files that no run may use, where the kernel can
	// hold it to that.
	Private []string
	// Work is a folder below them that runs may use all the same.
	Work string
}

// Run implements deploy.Runner.
func (r Runner) Run(ctx context.Context, spec deploy.RunSpec) (deploy.RunResult, error) {
	p, err := r.Start(ctx, spec)
	if err != nil {
		return deploy.RunResult{}, err
	}
	return p.Wait(), nil
}

// Start implements deploy.Runner.
func (r Runner) Start(ctx context.Context, spec deploy.RunSpec) (deploy.Process, error) {
	if err := notSupervising(); err != nil {
		return nil, err
	}
	if len(spec.Command) == 0 || spec.Command[0] == "" {
		return nil, models.Errorf(models.KindInvalid, "run %q has no command", spec.ID)
	}
	if !filepath.IsAbs(spec.Dir) {
		return nil, models.Errorf(models.KindInvalid, "the working folder %q of run %q is no absolute path", spec.Dir, spec.ID)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	orders, orderWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	reports, reportWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := helper(r.Supervisor, superviseName, spec.Server, spec.ID)
	cmd.Stdout, cmd.Stderr = spec.Output, spec.Output
	cmd.ExtraFiles = []*os.File{orders, reportWriter}
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Start()
	orders.Close()
	reportWriter.Close()
	p := &run{cmd: cmd, orders: orderWriter, reports: json.NewDecoder(reports), done: make(chan struct{})}
	if err != nil {
		orderWriter.Close()
		reports.Close()
		return nil, fmt.Errorf("start a supervisor: %w", err)
	}
	if err := p.begin(spec, withoutPrivate(r.Private, r.Work)); err != nil {
		orderWriter.Close()
		_ = cmd.Wait()
		reports.Close()
		return nil, err
	}
	stopWatching := context.AfterFunc(ctx, func() { p.order(order{}) })
	go func() {
		defer close(p.done)
		p.follow()
		stopWatching()
		orderWriter.Close()
		reports.Close()
	}()
	return p, nil
}

// helper is this program started again under another name.
func helper(program string, args ...string) *exec.Cmd {
	if program == "" {
		program = "/proc/self/exe" // this very program, also when its file was replaced
	}
	cmd := exec.Command(program) //nolint:noctx // it ends by order
	cmd.Args = args
	cmd.Env = []string{"GOMAXPROCS=1"} // nothing of ours, secrets least of all
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// notSupervising keeps a program that forgot to call Supervise from starting
// itself without end.
func notSupervising() error {
	if os.Args[0] == superviseName || os.Args[0] == keepName {
		return models.Errorf(models.KindInternal, "main has to call process.Supervise first")
	}
	return nil
}

// Clean implements deploy.Runner. A run ends by itself when its server dies,
// so this mostly finds none.
func (r Runner) Clean(ctx context.Context, server string) error {
	prefix := superviseName + "\x00" + server + "\x00"
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left := 0
		for _, p := range processes() {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
			if p.zombie || p.parent == os.Getpid() || !strings.HasPrefix(string(line), prefix) {
				continue
			}
			left++
			_ = syscall.Kill(p.pid, syscall.SIGTERM)
		}
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d runs of an earlier life are still ending: %w", left, ctx.Err())
		case <-tick.C:
		}
	}
}

// run is one run, seen from the server.
type run struct {
	cmd     *exec.Cmd
	pid     int // of the run's first process
	mu      sync.Mutex
	orders  *os.File
	reports *json.Decoder
	done    chan struct{}
	result  deploy.RunResult
}

// begin hands the supervisor its task and hears whether it runs.
func (p *run) begin(spec deploy.RunSpec, box *sandbox) error {
	p.order(order{Task: &task{
		Command: spec.Command, Dir: spec.Dir, Env: spec.Env, Timeout: spec.Timeout, MemoryBytes: spec.MemoryBytes,
		CPUSeconds: spec.CPUSeconds, FileBytes: spec.FileBytes, Processes: spec.Processes, Sandbox: box,
	}})
	var first report
	if err := p.reports.Decode(&first); err != nil {
		return fmt.Errorf("the supervisor of run %q did not answer: does main call process.Supervise first? %w", spec.ID, err)
	}
	if first.Error != "" {
		return models.Errorf(models.KindInvalid, "%s cannot be started: %s", spec.Command[0], first.Error)
	}
	p.pid = first.PID
	return nil
}

// follow waits for the supervisor's verdict.
func (p *run) follow() {
	var last report
	err := p.reports.Decode(&last)
	if err != nil || last.Result == nil {
		// Somebody killed the supervisor; its run died with it, what the run
		// had started is in its group.
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		last.Result = &deploy.RunResult{Ending: deploy.EndedSignal, Detail: "the run's supervisor was killed"}
	}
	_ = p.cmd.Wait() // its output has arrived after this
	p.result = *last.Result
}

func (p *run) order(o order) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = json.NewEncoder(p.orders).Encode(o) // a supervisor that is gone needs no order
}

// Wait implements deploy.Process.
func (p *run) Wait() deploy.RunResult {
	<-p.done
	return p.result
}

// Stop implements deploy.Process.
func (p *run) Stop(grace time.Duration) deploy.RunResult {
	select {
	case <-p.done:
	default:
		p.order(order{Grace: grace})
	}
	return p.Wait()
}

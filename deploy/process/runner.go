package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/folder"
	"github.com/slipway-ml/slipway/models"
)

// Runner does runs as processes of this machine.
type Runner struct {
	// Supervisor is the program to start as a supervisor, one that calls
	// Supervise first; "" for this one.
	Supervisor string
	// Private are folders and files that no run may use, but for what its spec
	// names below them.
	Private []string
	// Read are folders of programs that every run may read, also below what is
	// hidden from runs: the homes of users, and Private.
	Read []string
}

// Lacks implements deploy.Runner.
func (r Runner) Lacks() []string { return thisMachine().lacks() }

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
	m := thisMachine()
	t, err := r.task(spec, m)
	if err != nil {
		return nil, err
	}
	folders := append([]string{spec.Dir}, spec.Write...)
	if t.User != 0 {
		if err := errors.Join(folder.Give(folders, t.User), folder.Show(spec.Read)); err != nil {
			return nil, errors.Join(fmt.Errorf("give run %q its folders: %w", spec.ID, err), folder.TakeBack(folders))
		}
	}
	p, err := r.spawn(spec, t, m)
	if err != nil {
		return nil, errors.Join(err, folder.TakeBack(folders))
	}
	if !spec.AsServer {
		p.folders = folders
	}
	stopWatching := context.AfterFunc(ctx, func() { p.order(order{Grace: spec.Grace}) })
	go func() {
		defer close(p.done)
		p.follow()
		stopWatching()
	}()
	return p, nil
}

// task is what the supervisor does.
func (r Runner) task(spec deploy.RunSpec, m machine) (task, error) {
	t := task{
		Command: spec.Command, Dir: spec.Dir, Env: spec.Env, Timeout: spec.Timeout, Grace: spec.Grace, CPUs: spec.CPUs,
		MemoryBytes: spec.MemoryBytes, CPUSeconds: spec.CPUSeconds, FileBytes: spec.FileBytes, Processes: spec.Processes,
		DiskBytes: spec.DiskBytes, Disk: append([]string{spec.Dir}, spec.Write...), User: m.users.pick(), Socket: spec.Listener != nil,
	}
	if spec.AsServer {
		t.User = 0
	}
	if info, err := os.Stat(spec.Dir); err != nil || !info.IsDir() {
		return t, models.Errorf(models.KindInvalid, "the working folder %s of run %q is no folder", spec.Dir, spec.ID)
	}
	read := slices.Concat(r.Read, spec.Read)
	if filepath.IsAbs(spec.Command[0]) {
		read = append(read, spec.Command[0])
	}
	if !m.apart {
		t.Sandbox = withoutPrivate(r.Private, read, t.Disk, spec)
		return t, nil
	}
	var err error
	if t.View, err = newView(r.Private, read, t.Disk, t.User); err != nil {
		return t, models.Errorf(models.KindInvalid, "run %q cannot have its folders: %s", spec.ID, err)
	}
	t.Reach, t.Online = spec.Reach, spec.Open
	if spec.Open {
		t.View.Read = append(t.View.Read, bothNames("/etc/resolv.conf")...) // often a link into /run
		t.Sandbox = &sandbox{Aside: true}
	}
	return t, nil
}

// spawn starts a supervisor on its task.
func (r Runner) spawn(spec deploy.RunSpec, t task, m machine) (*run, error) {
	orders, orderWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	reports, reportWriter, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, orders.Close(), orderWriter.Close())
	}
	cmd := helper(r.Supervisor, superviseName, spec.Server, spec.ID)
	cmd.Stdout, cmd.Stderr = spec.Output, spec.Output
	cmd.ExtraFiles = []*os.File{orders, reportWriter}
	if spec.Listener != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, spec.Listener)
	}
	if m.apart {
		setApart(cmd, m.users)
	}
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Start()
	orders.Close()
	reportWriter.Close()
	p := &run{cmd: cmd, orders: orderWriter, reports: json.NewDecoder(reports), pipe: reports, done: make(chan struct{}), apart: m.apart}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("start a supervisor: %w", err)
	}
	if err := p.begin(spec, t); err != nil {
		p.close()
		_ = cmd.Wait()
		return nil, err
	}
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
	folders []string
	apart   bool
	pid     int // of the run's first process, where it is not apart
	mu      sync.Mutex
	orders  *os.File
	reports *json.Decoder
	pipe    *os.File // of reports
	done    chan struct{}
	result  deploy.RunResult
}

// begin hands the supervisor its task and hears whether it runs.
func (p *run) begin(spec deploy.RunSpec, t task) error {
	p.order(order{Task: &t})
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
		// Somebody killed the supervisor; its run died with it. What the run had
		// started is in its group, and in a namespace of its own dead, too.
		if !p.apart {
			_ = syscall.Kill(-p.pid, syscall.SIGKILL)
		}
		last.Result = &deploy.RunResult{Ending: deploy.EndedSignal, Detail: "the run's supervisor was killed"}
	}
	_ = p.cmd.Wait() // its output has arrived after this
	p.result = *last.Result
	if err := folder.TakeBack(p.folders); err != nil {
		p.result.Detail += "; what it left cannot be taken back: " + err.Error()
	}
	p.close()
}

func (p *run) close() {
	_, _ = p.orders.Close(), p.pipe.Close()
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

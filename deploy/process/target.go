package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// Options are what a Target needs.
type Options struct {
	Dir    string // its folder, such as slipway-data/instances
	Keeper string // a program that calls Supervise first; "" for this one
	Now    func() time.Time
}

// Target keeps instances as processes of this machine. An instance outlives
// the server: its folder tells whose it is and where to find it.
type Target struct {
	Options
	http   *http.Client
	mu     sync.Mutex // held while an instance's folder changes
	unpack sync.Mutex
}

// New gives the Target of a folder, which is made where it is missing.
func New(o Options) (*Target, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	if err := os.MkdirAll(filepath.Join(dir, imagesDir), 0o750); err != nil {
		return nil, fmt.Errorf("make the instances' folder: %w", err)
	}
	transport := &http.Transport{DisableKeepAlives: true} // no proxy: instances are here
	return &Target{Options: o, http: &http.Client{Transport: transport, Timeout: 2 * time.Second}}, nil
}

// record is what is known of an instance before it starts.
type record struct {
	ID          string    `json:"id"`
	Server      string    `json:"server"`
	Model       string    `json:"model"`
	Environment string    `json:"environment"`
	Release     int64     `json:"release"`
	ImageDigest string    `json:"image_digest"`
	CPU         float64   `json:"cpu"`
	MemoryBytes int64     `json:"memory_bytes"`
	StartedAt   time.Time `json:"started_at"`
}

// instanceID is what may name a folder, and is none of ours.
var instanceID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func (t *Target) dir(id string) (string, error) {
	if !instanceID.MatchString(id) || id == imagesDir {
		return "", models.Errorf(models.KindInvalid, "instance id %q: use letters, digits, '.', '_' and '-'", id)
	}
	return filepath.Join(t.Dir, id), nil
}

// Start implements deploy.Target.
func (t *Target) Start(ctx context.Context, spec deploy.InstanceSpec) (deploy.Instance, error) {
	if err := notSupervising(); err != nil {
		return deploy.Instance{}, err
	}
	dir, err := t.dir(spec.ID)
	if err != nil {
		return deploy.Instance{}, err
	}
	using, err := t.lockImages(unix.LOCK_SH)
	if err != nil {
		return deploy.Instance{}, err
	}
	defer using.Close()
	rootfs, image, err := t.image(ctx, spec)
	if err != nil {
		return deploy.Instance{}, err
	}
	command, err := serveCommand(rootfs, image, dir, spec)
	if err != nil {
		return deploy.Instance{}, err
	}
	what := task{
		Command: command, Dir: dir, Env: environment(image, dir, spec), MemoryBytes: spec.MemoryBytes,
		Sandbox: ofInstance(rootfs, filepath.Join(dir, ownDir)),
	}
	if err := t.spawn(dir, what, spec); err != nil {
		return deploy.Instance{}, err
	}
	return t.Inspect(ctx, spec.ID)
}

// spawn starts a keeper unless one lives. The keeper inherits a lock on the
// folder, so there is never a second, whoever died in between.
func (t *Target) spawn(dir string, what task, spec deploy.InstanceSpec) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := os.MkdirAll(filepath.Join(dir, ownDir), 0o750); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil // it runs
		}
		return fmt.Errorf("lock the instance's folder: %w", err)
	}
	for _, left := range []string{addressFile, endFile, keeperFile} {
		if err := os.RemoveAll(filepath.Join(dir, left)); err != nil {
			return err
		}
	}
	err = writeJSON(filepath.Join(dir, recordFile), record{
		ID: spec.ID, Server: spec.Server, Model: spec.Model, Environment: spec.Environment, Release: spec.Release,
		ImageDigest: spec.ImageDigest, CPU: spec.CPU, MemoryBytes: spec.MemoryBytes, StartedAt: t.Now(),
	})
	if err != nil {
		return err
	}
	if err := t.startKeeper(lock, what, spec); err != nil {
		return errors.Join(err, os.Remove(filepath.Join(dir, recordFile))) // it never was
	}
	return nil
}

func (t *Target) startKeeper(lock *os.File, what task, spec deploy.InstanceSpec) error {
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
	cmd := helper(t.Keeper, keepName, spec.Server, spec.ID)
	cmd.ExtraFiles = []*os.File{orders, reportWriter, lock}
	err = cmd.Start()
	orders.Close()
	reportWriter.Close()
	if err != nil {
		return fmt.Errorf("start a keeper: %w", err)
	}
	go func() { _ = cmd.Wait() }() // reaped while this server lives, then by init
	if err := json.NewEncoder(orderWriter).Encode(order{Task: &what}); err != nil {
		return fmt.Errorf("instruct the keeper of %s: %w", spec.ID, err)
	}
	var first report
	if err := json.NewDecoder(reports).Decode(&first); err != nil {
		return fmt.Errorf("the keeper of %s did not answer: does main call process.Supervise first? %w", spec.ID, err)
	}
	if first.Error != "" {
		return models.Errorf(models.KindInvalid, "the image's program cannot be started: %s", first.Error)
	}
	return nil
}

// Stop implements deploy.Target.
func (t *Target) Stop(ctx context.Context, id string, grace time.Duration) error {
	dir, err := t.dir(id)
	if err != nil {
		return err
	}
	for removed := false; !removed; {
		if err := t.end(ctx, dir, syscall.SIGTERM, grace); err != nil {
			return err
		}
		if err := t.end(ctx, dir, syscall.SIGINT, 15*time.Second); err != nil {
			return err
		}
		if err := t.end(ctx, dir, syscall.SIGKILL, 5*time.Second); err != nil {
			return err
		}
		if removed, err = t.remove(dir); err != nil {
			return err
		}
	}
	return t.removeUnusedImages()
}

// remove removes an instance's folder, unless somebody has just started it.
func (t *Target) remove(dir string) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k, err := readKeeper(dir); err != nil || k.alive() {
		return false, err
	}
	return true, os.RemoveAll(dir)
}

// readKeeper tells who keeps an instance; nobody where there is none.
func readKeeper(dir string) (keeper, error) {
	var k keeper
	err := readJSON(filepath.Join(dir, keeperFile), &k)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return k, err
}

// end sends the keeper a signal and waits for its end.
func (t *Target) end(ctx context.Context, dir string, sig syscall.Signal, wait time.Duration) error {
	t.mu.Lock() // one who is starting it is waited for
	k, err := readKeeper(dir)
	t.mu.Unlock()
	if err != nil || !k.alive() {
		return err
	}
	_ = syscall.Kill(k.PID, sig)
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for k.alive() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return nil
		case <-tick.C:
		}
	}
	return nil
}

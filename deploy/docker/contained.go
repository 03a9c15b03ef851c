package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/folder"
	"github.com/slipway-ml/slipway/models"
)

const (
	startTime   = time.Minute      // that a container has until its init speaks
	removeTime  = 30 * time.Second // that the Engine has to remove one
	lastOutput  = 5 * time.Second  // that its last output has to arrive
	diskMeasure = time.Second
)

// contained is one run in its container, seen from the server.
type contained struct {
	runner   *Runner
	spec     deploy.RunSpec
	folders  []string
	before   int64 // bytes of them
	id       string
	controls *controls
	init     net.Conn
	reports  *json.Decoder
	streams  types.HijackedResponse
	copied   chan struct{}
	exited   <-chan container.WaitResponse
	failed   <-chan error
	stops    chan time.Duration
	done     chan struct{}
	result   deploy.RunResult
	lost     error // why it is not known how the run ended
}

// begin makes the container and waits until the run has started.
func (c *contained) begin(ctx context.Context, user int) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	task := initTask{Command: c.spec.Command, Reach: c.spec.Reach, Processes: c.spec.Processes}
	if c.controls, err = newControls(c.runner.Work, user, task); err != nil {
		return err
	}
	engine := c.runner.engine
	config, host := c.runner.runSettings(c.spec, c.controls.dir, user)
	made, err := engine.ContainerCreate(ctx, config, host, nil, nil, "")
	if err != nil {
		return translate(err, "create a container of "+c.spec.Image)
	}
	c.id = made.ID
	if c.streams, err = engine.ContainerAttach(ctx, c.id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true}); err != nil {
		return translate(err, "attach to the container")
	}
	c.copied = make(chan struct{})
	go func() {
		defer close(c.copied)
		w := output(c.spec)
		_, _ = stdcopy.StdCopy(w, w, c.streams.Reader)
	}()
	c.exited, c.failed = engine.ContainerWait(context.WithoutCancel(ctx), c.id, container.WaitConditionNextExit)
	if err := engine.ContainerStart(ctx, c.id, container.StartOptions{}); err != nil {
		return translate(err, "start a container of "+c.spec.Image)
	}
	select {
	case c.init = <-c.controls.inits:
	case end := <-c.exited:
		return models.Errorf(models.KindInvalid, "a container of %s ended before its run began (exit code %d): see the log", c.spec.Image, end.StatusCode)
	case err := <-c.failed:
		return translate(err, "follow the container")
	case <-ctx.Done():
		return ctx.Err()
	}
	c.reports = json.NewDecoder(c.init)
	first, err := hear(c.reports)
	if err != nil {
		return fmt.Errorf("the first process of run %q did not answer: does main call docker.Init first? %w", c.spec.ID, err)
	}
	if first.Error != "" {
		return models.Errorf(models.KindInvalid, "%s cannot be started: %s", c.spec.Command[0], first.Error)
	}
	return nil
}

// follow ends the run where it must, and tells how it ended.
func (c *contained) follow(ctx context.Context) {
	defer close(c.done)
	said := make(chan deploy.RunResult, 1)
	go func() {
		defer close(said)
		if r, err := hear(c.reports); err == nil && r.Result != nil {
			said <- *r.Result
		}
	}()
	began := now()
	why := c.watch(ctx)
	if c.lost != nil {
		_ = c.init.Close()
	}
	last, known := <-said // its socket is closed where it is not
	switch {
	case why.Ending != "":
		c.result = why
		c.result.PeakRSS = last.PeakRSS
	case known:
		c.result = last
	default: // it was killed, its first process too
		c.result = c.killed(ctx)
	}
	if c.result.Ending == deploy.EndedMemory {
		c.result.Detail = fmt.Sprintf("used more memory than its limit of %d MiB", c.spec.MemoryBytes>>20)
	}
	c.result.Duration = now().Sub(began)
	select {
	case <-c.copied:
	case <-time.After(lastOutput):
	}
	if err := c.remove(ctx); err != nil && c.lost == nil {
		c.result.Detail += "; " + err.Error()
	}
}

// killed tells why a container's first process was killed.
func (c *contained) killed(ctx context.Context) deploy.RunResult {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	info, err := c.runner.engine.ContainerInspect(ctx, c.id)
	if err == nil && info.State.OOMKilled {
		return deploy.RunResult{Ending: deploy.EndedMemory}
	}
	return deploy.RunResult{Ending: deploy.EndedSignal, Detail: "killed from outside, most likely because the machine ran out of memory"}
}

// watch waits until the container has ended, and says why it had to; nothing
// where it did by itself.
func (c *contained) watch(ctx context.Context) (why deploy.RunResult) {
	var deadline, kill <-chan time.Time
	if c.spec.Timeout > 0 {
		deadline = time.After(c.spec.Timeout)
	}
	disk := time.NewTicker(diskMeasure)
	defer disk.Stop()
	cancelled := ctx.Done()
	end := func(ending deploy.Ending, detail string, grace time.Duration) {
		if why.Ending == "" {
			why = deploy.RunResult{Ending: ending, Detail: detail}
		}
		_ = json.NewEncoder(c.init).Encode(initOrder{Term: true})
		kill = time.After(grace)
	}
	for {
		select {
		case <-c.exited:
			return why
		case err := <-c.failed:
			// The Engine has gone. The run ends all the same, since its first
			// process loses us; what is left of it is removed later.
			c.lost = models.Errorf(models.KindUnavailable, "the Docker Engine went away while run %q was in it", c.spec.ID).Because(err)
			return deploy.RunResult{Ending: deploy.EndedSignal, Detail: "the Docker Engine went away"}
		case <-cancelled:
			cancelled = nil
			end(deploy.EndedCancel, "stopped", c.spec.Grace)
		case grace := <-c.stops:
			end(deploy.EndedCancel, "stopped", grace)
		case <-deadline:
			end(deploy.EndedTimeout, fmt.Sprintf("still running after %s", c.spec.Timeout), c.spec.Grace)
		case <-kill:
			_ = c.init.Close() // with which its first process ends, and all of it
			go c.kill(ctx)     // or, where the run holds that up, so
		case <-disk.C:
			if limit := c.spec.DiskBytes; limit > 0 && why.Ending == "" {
				if used := folder.Bytes(c.folders) - c.before; used > limit {
					end(deploy.EndedDisk, fmt.Sprintf("wrote %d MiB to its folders, its limit is %d MiB", used>>20, limit>>20), 0)
				}
			}
		}
	}
}

func (c *contained) kill(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	_ = c.runner.engine.ContainerKill(ctx, c.id, "KILL") // one that has ended needs no more
}

// remove leaves nothing of a run but what it wrote to its folders.
func (c *contained) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	var errs []error
	if c.init != nil {
		_ = c.init.Close()
	}
	if c.id != "" {
		if c.lost == nil {
			errs = append(errs, removeContainer(ctx, c.runner.engine, c.id))
		}
		if c.lost != nil || errs[0] != nil {
			c.runner.mu.Lock()
			c.runner.left[c.id] = true
			c.runner.mu.Unlock()
		}
	}
	if c.streams.Conn != nil {
		c.streams.Close()
	}
	if c.controls != nil {
		errs = append(errs, c.controls.close())
	}
	return errors.Join(append(errs, folder.TakeBack(c.folders))...)
}

// Wait implements deploy.Process.
func (c *contained) Wait() deploy.RunResult {
	<-c.done
	return c.result
}

// Stop implements deploy.Process.
func (c *contained) Stop(grace time.Duration) deploy.RunResult {
	select {
	case c.stops <- grace:
	case <-c.done:
	default: // it is being stopped
	}
	return c.Wait()
}

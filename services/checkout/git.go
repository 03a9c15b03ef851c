package checkout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// settings are git's, instead of the machine's and the user's: nothing that a
// repository brings is run, and nothing is done behind our back.
const settings = `[core]
	hooksPath = /dev/null
	fsmonitor = false
	protectHFS = true
	protectNTFS = true
[init]
	defaultBranch = main
[gc]
	auto = 0
[maintenance]
	auto = false
[credential]
	helper =
[http]
	proxyAuthMethod = basic
[submodule]
	recurse = false
[protocol]
	allow = never
[advice]
	detachedHead = false
`

// git does a command that reaches nobody and knows no secret.
func (f *fetch) git(ctx context.Context, from source, args ...string) (string, error) {
	return f.over(ctx, &connection{from: from}, args...)
}

// over does a command of git over a connection. It gives what git said in an
// error's case too.
func (f *fetch) over(ctx context.Context, c *connection, args ...string) (string, error) {
	return f.run(ctx, c, maxFile, append([]string{"git"}, args...)...)
}

func (f *fetch) run(ctx context.Context, c *connection, fileBytes int64, command ...string) (string, error) {
	config := filepath.Join(f.private, "config")
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		return "", fmt.Errorf("write git's settings: %w", err)
	}
	out := &deploy.Tail{Max: mostSaid}
	spec := deploy.RunSpec{
		ID: f.request.ID + "-git", Server: f.Server, Command: command, Dir: f.request.Dir, Read: f.Read, Output: out,
		MemoryBytes: maxMemory, FileBytes: fileBytes, Processes: maxProcesses,
		Env: append(append([]string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + filepath.Join(f.private, "home"), "LANG=C", "LC_ALL=C",
			"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + config, "GIT_TERMINAL_PROMPT=0", "GIT_LFS_SKIP_SMUDGE=1",
		}, f.Env...), c.env...),
	}
	if c.way != nil {
		spec.Reach = []string{c.way.Address()}
	}
	watched, stop := f.watch(ctx, c)
	result, err := f.Runner.Run(watched, spec)
	stop()
	if err != nil {
		return "", noGit(err)
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	text := out.Without(c.secrets)
	if cause := context.Cause(watched); cause != nil && !errors.Is(cause, context.Canceled) {
		return text, cause
	}
	if result.Ending == deploy.EndedExit && result.ExitCode == 0 {
		return text, nil
	}
	return text, f.fault(c, result, text)
}

// watch ends a run whose server sends nothing any more, or too much.
func (f *fetch) watch(ctx context.Context, c *connection) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if c.way == nil {
		return ctx, func() { cancel(nil) }
	}
	quiet := f.Quiet
	if quiet == 0 {
		quiet = usualQuiet
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(min(time.Second, quiet/4))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if c.way.Quiet() > quiet {
				cancel(models.Errorf(models.KindUnavailable, "the Git server %s sent nothing for %s", c.from.address(), quiet))
			}
			if c.way.Received() > maxReceived {
				cancel(models.Errorf(models.KindTooLarge, "the repository %s is larger than %d GiB", c.from, maxReceived>>30))
			}
		}
	}()
	return ctx, func() {
		cancel(context.Canceled) // the first cause stays
		<-done
	}
}

// mostSaid bounds what is kept of git's words.
const mostSaid = 64 << 10

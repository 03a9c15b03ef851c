package pyenv

import (
	"context"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/services/dial"
)

// command is a command of uv, or of a Python.
type command struct {
	args   []string
	online bool // it reaches indexes, and what it says is told
	shop   shop // in which it works; none where it only looks
}

// usual is where programs are.
const usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// run does a command and gives what it said, without secrets.
func (m *making) run(ctx context.Context, c command) (string, error) {
	home := filepath.Join(m.scratch, "home")
	if err := os.MkdirAll(filepath.Join(home, "tmp"), 0o750); err != nil {
		return "", err
	}
	if c.online && !c.shop.builds {
		c.args = append(c.args[:len(c.args):len(c.args)], "--no-build")
	}
	out := &deploy.Tail{Max: mostSaid}
	spec := deploy.RunSpec{
		ID: m.request.ID + "-python", Server: m.Server, Image: m.request.Image, Command: c.args, Dir: m.scratch, Output: out,
		Read: append([]string{m.UV}, m.Settings.Read...), AsServer: !c.shop.builds && m.request.Image == "",
		MemoryBytes: maxMemory, FileBytes: maxFile, Processes: maxProcesses,
		Env: append([]string{
			"HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp"), "LANG=C.UTF-8", "NO_COLOR=1", "UV_NO_PROGRESS=1", "UV_PYTHON_DOWNLOADS=never",
		}, m.Settings.Env...),
	}
	if m.request.Image == "" { // an image has its own
		spec.Env = append(spec.Env, "PATH="+usual)
		spec.Read = append(spec.Read, m.python.Base)
	}
	if c.shop.builds {
		spec.DiskBytes = maxBuilt
	}
	if c.shop.dir != "" {
		spec.Env = append(spec.Env, "UV_CACHE_DIR="+c.shop.cache())
		spec.Write = []string{c.shop.dir}
	} else {
		spec.Env = append(spec.Env, "UV_NO_CACHE=1")
	}
	var way *dial.Way
	secrets := m.Settings.secrets
	if c.online {
		exit := m.Exit
		exit.Trusted = append(exit.Trusted, m.Settings.Trusted...)
		var err error
		if way, err = exit.Open(ctx); err != nil {
			return "", err
		}
		defer way.Close()
		spec.Reach = []string{way.Address()}
		for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
			spec.Env = append(spec.Env, name+"="+way.URL())
		}
		spec.Env = append(spec.Env, "NO_PROXY=", "no_proxy=")
	}
	result, err := m.request.Runner.Run(ctx, spec)
	if err != nil {
		return "", err
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	text := out.Without(secrets)
	if c.online {
		_, _ = m.request.Log.Write([]byte(text))
	}
	if result.Ending == deploy.EndedExit && result.ExitCode == 0 {
		return text, nil
	}
	return text, fault(result, text, way)
}

// mostSaid bounds what is kept of uv's words.
const mostSaid = 256 << 10

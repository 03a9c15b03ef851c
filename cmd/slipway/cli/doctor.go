package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/deploy/process"
)

// Doctor is the command slipway doctor.
type Doctor struct {
	Remote
	config.Store `embed:""`
	DataDir      string `default:"slipway-data" env:"SLIPWAY_DATA_DIR" type:"path" help:"The server's data folder."`
	RuntimeDir   string `env:"SLIPWAY_RUNTIME_DIR" type:"path" help:"Folder of slipway-serve and libonnxruntime.so (default: beside slipway)."`
	Python       string `default:"python3" env:"SLIPWAY_PYTHON" help:"Python of run: steps."`
	DockerHost   string `default:"unix:///var/run/docker.sock" env:"DOCKER_HOST" help:"Docker Engine."`
}

// Help tells more.
func (*Doctor) Help() string {
	return `Looks at what the server needs on this machine and says, for what is missing,
what does not work without it and how to mend that. Fails where models cannot be
validated, built or served, or files not kept. Give it the server's variables or
flags.`
}

// looked is what one look found.
type looked struct {
	what    string
	found   string // where, or which
	err     error
	needed  bool   // whether the machine is no use without it
	without string // what does not work, and the remedy
}

// Run looks.
func (d *Doctor) Run(ctx context.Context, s *Streams) error {
	var missing []string
	for _, l := range []looked{d.dataDir(), d.artifacts(ctx), d.runtime(ctx), d.onnxruntime(), d.python(ctx), d.uv(ctx), d.git(ctx), isolation(), d.docker(ctx), d.server(ctx)} {
		switch {
		case l.err == nil:
			s.printf("ok       %-13s %s", l.what, l.found)
			continue
		case l.needed:
			missing = append(missing, l.what)
			s.printf("missing  %-13s %s", l.what, oneLine(l.err.Error()))
		default:
			s.printf("absent   %-13s %s", l.what, oneLine(l.err.Error()))
		}
		s.printf("         %-13s %s", "", l.without)
	}
	if len(missing) > 0 {
		return fmt.Errorf("this machine lacks %s", strings.Join(missing, ", "))
	}
	return nil
}

func (d *Doctor) dataDir() looked {
	return looked{
		what: "data folder", found: d.DataDir, needed: true, err: writable(d.DataDir),
		without: "nothing can be kept: make it writable, or name another by --data-dir",
	}
}

// writable tells why a folder cannot be written to. The server makes it where
// it is absent: what is there of it is looked at.
func writable(dir string) error {
	folder := dir
	for {
		if info, err := os.Stat(folder); err == nil {
			if !info.IsDir() {
				return fmt.Errorf("%s is not a folder", folder)
			}
			break
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
		folder = filepath.Dir(folder)
	}
	probe, err := os.CreateTemp(folder, ".slipway-doctor-*")
	if err != nil {
		return fmt.Errorf("%s cannot be written to: %w", folder, err)
	}
	_ = probe.Close()
	return os.Remove(probe.Name())
}

// beside finds a file of the runtime folder.
func (d *Doctor) beside(name string) (string, error) {
	folder := d.RuntimeDir
	if folder == "" {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		folder = filepath.Dir(self)
	}
	path := filepath.Join(folder, name)
	_, err := os.Stat(path)
	return path, err
}

func (d *Doctor) runtime(ctx context.Context) looked {
	l := looked{what: "slipway-serve", needed: true, without: "models cannot be validated, built or served: run make build, or name its folder by --runtime-dir"}
	if l.found, l.err = d.beside("slipway-serve"); l.err == nil {
		_, l.err = output(ctx, l.found, "--help")
	}
	return l
}

func (d *Doctor) onnxruntime() looked {
	l := looked{what: "ONNX Runtime", needed: true, without: "models cannot be validated, built or served: run make build, or name its folder by --runtime-dir"}
	l.found, l.err = d.beside("libonnxruntime.so")
	return l
}

func (d *Doctor) python(ctx context.Context) looked {
	l := looked{what: "Python", without: "steps such as run: pytest cannot run: install it, or name one by --python"}
	l.found, l.err = output(ctx, d.Python, "--version")
	return l
}

func (d *Doctor) uv(ctx context.Context) looked {
	l := looked{what: "uv", without: "steps with python: or requirements: cannot run: run make build, put uv beside slipway, or install it (pip install uv)"}
	program, err := d.beside("uv")
	if err != nil {
		program = "uv"
	}
	if l.found, l.err = output(ctx, program, "--version"); l.err == nil && err == nil {
		l.found += ", " + program
	}
	return l
}

func (d *Doctor) git(ctx context.Context) looked {
	l := looked{what: "git", without: "steps with git: cannot run: install it (apt-get install git)"}
	l.found, l.err = output(ctx, "git", "--version")
	return l
}

// isolation tells what run: steps on process are not kept from.
func isolation() looked {
	l := looked{
		what: "isolation", found: "run: steps on process have a user, namespaces and a network of their own",
		without: "let only trusted steps run on process (docs/isolation.md)",
	}
	if lacks := (process.Runner{}).Lacks(); len(lacks) > 0 {
		l.err = errors.New(strings.Join(lacks, "; "))
	}
	return l
}

func (d *Doctor) docker(ctx context.Context) looked {
	l := looked{what: "Docker Engine", without: "environments with target: docker cannot run; target: process needs none"}
	network, address, ok := strings.Cut(d.DockerHost, "://")
	if !ok {
		l.err = fmt.Errorf("DOCKER_HOST %q is no address", d.DockerHost)
		return l
	}
	if network != "unix" {
		network = "tcp"
	}
	client := &http.Client{Timeout: lookTime, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}}
	resp, err := get(ctx, client, "http://docker/_ping")
	if err != nil {
		l.err = err
		return l
	}
	l.found = d.DockerHost + ", API " + or(resp.Header.Get("Api-Version"), "unknown")
	return l
}

func (d *Doctor) server(ctx context.Context) looked {
	l := looked{what: "server", found: d.URL, without: "client commands need one: start it by slipway server, or set SLIPWAY_URL"}
	_, l.err = get(ctx, &http.Client{Timeout: lookTime}, strings.TrimSuffix(d.URL, "/")+"/health")
	return l
}

// lookTime bounds one look.
const lookTime = 5 * time.Second

func get(ctx context.Context, c *http.Client, target string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", target, resp.Status)
	}
	return resp, nil
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	text, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	return oneLine(string(text)), err
}

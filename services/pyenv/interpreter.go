package pyenv

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// interpreter is the Python that an environment stands on.
type interpreter struct {
	Program  string `json:"program"`
	Version  string `json:"version"`
	Platform string `json:"platform"`
	Base     string `json:"base"`
	Path     string `json:"path"`
	Image    string `json:"-"`
}

// id is what of it decides whether an environment is the same.
func (i interpreter) id() []byte {
	return []byte(strings.Join([]string{i.Program, i.Version, i.Platform, i.Image}, "\x00"))
}

// describe is what an interpreter is asked.
const describe = `import json, os, platform, sys, sysconfig
print("python:" + json.dumps({"program": os.path.realpath(sys.executable), "version": platform.python_implementation().lower() + " " + platform.python_version(),
    "platform": sysconfig.get_platform(), "base": sys.base_prefix, "path": os.environ.get("PATH", "")}))`

// versionForm is a version of Python as a pipeline names it.
var versionForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+){0,2}$`)

// interpreter finds the Python that was asked for; what is found is remembered
// while it is there.
func (m *making) interpreter(ctx context.Context) (interpreter, error) {
	key := m.request.Image + "\x00" + m.request.Python
	m.mu.Lock()
	found, ok := m.known[key]
	m.mu.Unlock()
	if ok {
		if _, err := os.Stat(found.Program); err == nil || m.request.Image != "" {
			return found, nil
		}
	}
	wanted := m.request.Python
	text, err := m.ask(ctx, wanted)
	if ctx.Err() != nil {
		return found, ctx.Err()
	}
	_, line, ok := strings.Cut(text, "python:{")
	if err != nil || !ok {
		return found, m.noPython(ctx, wanted, err)
	}
	line, _, _ = strings.Cut("{"+line, "\n")
	if err := json.Unmarshal([]byte(line), &found); err != nil || found.Program == "" {
		return found, models.Errorf(models.KindInvalid, "the Python %q does not tell its version", wanted)
	}
	found.Image = m.request.Image
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]interpreter{}
	}
	m.known[key] = found
	return found, nil
}

// ask finds a Python and asks it.
func (m *making) ask(ctx context.Context, wanted string) (string, error) {
	if versionForm.MatchString(wanted) {
		path, err := m.look(ctx, m.UV, "python", "find", "--no-python-downloads", "--no-project", "--no-config", wanted)
		if err != nil {
			return "", err
		}
		lines := strings.Split(strings.TrimSpace(path), "\n")
		wanted = lines[len(lines)-1] // warnings come first
	}
	return m.look(ctx, wanted, "-I", "-c", describe)
}

// look runs a program that is there: in an image, or of this machine. Those of
// this machine are the operator's own, and are looked for wherever they are.
func (m *making) look(ctx context.Context, name string, args ...string) (string, error) {
	if m.request.Image != "" {
		return m.run(ctx, command{args: append([]string{name}, args...)})
	}
	if !strings.Contains(name, "/") {
		for _, dir := range filepath.SplitList(m.Settings.Path) {
			if program, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				name = program
				break
			}
		}
	}
	// uv, or a Python of this machine.
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = m.scratch
	cmd.Env = append([]string{"PATH=" + or(m.Settings.Path, usual), "HOME=" + m.scratch, "LANG=C.UTF-8", "UV_NO_CACHE=1", "NO_COLOR=1"}, m.Settings.Env...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

func or(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

var installed = regexp.MustCompile(`(?m)^(?:cpython|pypy|graalpy)-(\d+\.\d+\.\d+\S*?)-`)

// noPython tells which there are.
func (m *making) noPython(ctx context.Context, wanted string, cause error) error {
	where := "this machine"
	if m.request.Image != "" {
		where = "the image " + m.request.Image
	}
	list := "none that uv finds"
	if text, err := m.look(ctx, m.UV, "python", "list", "--only-installed", "--no-python-downloads", "--no-config"); err == nil {
		var versions []string
		seen := map[string]bool{}
		for _, match := range installed.FindAllStringSubmatch(text, -1) {
			if !seen[match[1]] {
				versions = append(versions, match[1])
			}
			seen[match[1]] = true
		}
		if len(versions) > 0 {
			list = strings.Join(versions, ", ")
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return models.Errorf(models.KindInvalid, "python: there is no Python %s on %s; there are: %s", wanted, where, list).Because(fmt.Errorf("uv python find: %w", cause))
}

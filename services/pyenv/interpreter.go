package pyenv

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
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
	Image    string `json:"-"`
}

// id is what of it decides whether an environment is the same.
func (i interpreter) id() []byte {
	return []byte(strings.Join([]string{i.Program, i.Version, i.Platform, i.Image}, "\x00"))
}

// describe is what an interpreter is asked.
const describe = `import json, os, platform, sys, sysconfig
print("python:" + json.dumps({"program": os.path.realpath(sys.executable), "version": platform.python_implementation().lower() + " " + platform.python_version(),
    "platform": sysconfig.get_platform(), "base": sys.base_prefix}))`

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
	script := `p=$("$1" python find --no-python-downloads --no-project --no-config "$2") && exec "$p" -I -S -c "$3"`
	if !versionForm.MatchString(wanted) {
		script = `exec "$2" -I -c "$3"`
	}
	text, err := m.run(ctx, command{args: []string{"sh", "-c", script, "sh", m.UV, wanted, describe}})
	if err != nil && models.KindOf(err) == models.KindInternal {
		return found, err
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

var installed = regexp.MustCompile(`(?m)^(?:cpython|pypy|graalpy)-(\d+\.\d+\.\d+\S*?)-`)

// noPython tells which there are.
func (m *making) noPython(ctx context.Context, wanted string, cause error) error {
	where := "this machine"
	if m.request.Image != "" {
		where = "the image " + m.request.Image
	}
	list := "none that uv finds"
	if text, err := m.run(ctx, command{args: []string{m.UV, "python", "list", "--only-installed", "--no-python-downloads", "--no-config"}}); err == nil {
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

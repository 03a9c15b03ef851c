package checks

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/mask"
	"github.com/slipway-ml/slipway/services/validation"
)

// place is where a command runs, and what it is given.
type place struct {
	model  string // the version's files, to read
	work   string // where it works, its own to change
	output string // what of it is kept
	env    []string
	read   []string               // folders
	write  []string               // folders besides work
	reach  []string               // addresses host:port of this machine
	found  map[string]fs.FileInfo // what of its reports was there before
	mask   *mask.Mask

	closers []func()
}

// newPlace prepares the folders and the environment of a command.
func newPlace(ctx context.Context, s *validation.Subject) (*place, error) {
	p := &place{output: filepath.Join(s.Dir, "output"), mask: s.Mask}
	home := filepath.Join(s.Dir, "home")
	temp := filepath.Join(home, "tmp")
	for _, dir := range []string{p.output, temp} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return nil, fmt.Errorf("make the command's folders: %w", err)
		}
	}
	var err error
	if p.model, err = s.Folder(ctx); err != nil {
		return nil, err
	}
	if s.Step.Git != nil {
		p.work, err = p.fetch(ctx, s)
	} else {
		p.work, err = workspace(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	p.found = map[string]fs.FileInfo{}
	for _, name := range []string{junitName, measuredName} {
		if info, err := os.Lstat(filepath.Join(p.work, name)); err == nil {
			p.found[name] = info
		}
	}
	if err := seal(p.model); err != nil {
		return nil, err
	}
	p.read, p.write = append(p.read, p.model), append(p.write, p.output, home)
	p.set("HOME", home)
	p.set("TMPDIR", temp)
	p.set("LANG", "C.UTF-8")
	p.set("PYTHONUNBUFFERED", "1")
	p.set("PYTHONDONTWRITEBYTECODE", "1")
	p.set("SLIPWAY_MODEL", s.Version.Model)
	p.set("SLIPWAY_VERSION", strconv.FormatInt(s.Version.Number, 10))
	p.set("SLIPWAY_MODEL_DIR", p.model)
	p.set("SLIPWAY_MODEL_URI", "models:/"+s.Version.Ref())
	p.set("SLIPWAY_OUTPUT_DIR", p.output)
	if s.Step.On != models.StepsDocker { // an image has programs of its own
		p.python(s.Settings.Python)
	}
	if s.Step.Dataset != nil {
		dir := filepath.Join(s.Dir, "dataset")
		if err := s.Datasets.Materialize(ctx, *s.Step.Dataset, dir); err != nil {
			return nil, err
		}
		if err := seal(dir); err != nil {
			return nil, err
		}
		p.read = append(p.read, dir)
		p.set("SLIPWAY_DATASET_DIR", dir)
	}
	return p, nil
}

// set sets a variable, in the place of an earlier one of the name.
func (p *place) set(name, value string) {
	p.env = slices.DeleteFunc(p.env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	p.env = append(p.env, name+"="+value)
}

// reaches lets the command dial an address of this machine, which a variable
// names.
func (p *place) reaches(name, address string) {
	p.set(name, address)
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		p.reach = append(p.reach, u.Host)
	}
}

// usualPath is where programs are.
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// python puts the folder of the configured Python first.
func (p *place) python(program string) {
	path := usualPath
	if found, err := exec.LookPath(program); err == nil && filepath.IsAbs(found) {
		bin := filepath.Dir(found)
		path = bin + ":" + path
		p.read = append(p.read, filepath.Dir(bin))
	}
	p.set("PATH", path)
}

// seal takes from files the right to be written. It is no wall (a run may be of
// this very user): the runner's is. It tells a mistake of a team's own.
func seal(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return root.Chmod(path, info.Mode().Perm()&^0o222)
	})
}

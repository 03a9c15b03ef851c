package image

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// library is a shared library of this machine, or the dynamic loader.
type library struct {
	found  string // where the loader finds it
	inside string // where it stands in an image, without a leading slash
}

// closure finds the dynamic loader of a program and every shared library that
// it and others need, as the loader would.
func closure(program string, others ...string) ([]library, error) {
	main, err := elf.Open(program)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", program, err)
	}
	interpreter := interpreterOf(main)
	c := search{machine: main.Machine, class: main.Class, dirs: loaderDirs(main.Machine), found: map[string]string{}}
	_ = main.Close()
	for _, p := range append([]string{program}, others...) {
		if err := c.visit(p); err != nil {
			return nil, err
		}
	}
	if interpreter == "" {
		return nil, nil // a static program
	}
	return c.libraries(interpreter)
}

func interpreterOf(f *elf.File) string {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			name, _ := io.ReadAll(p.Open())
			return strings.TrimRight(string(name), "\x00")
		}
	}
	return ""
}

type search struct {
	machine elf.Machine
	class   elf.Class
	dirs    []string
	found   map[string]string // name → path
}

// visit resolves what an object needs, and what that needs.
func (c *search) visit(object string) error {
	f, err := elf.Open(object)
	if err != nil {
		return fmt.Errorf("read %s: %w", object, err)
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("read what %s needs: %w", object, err)
	}
	dirs := slices.Concat(runPath(f, filepath.Dir(object)), c.dirs)
	for _, name := range needed {
		if _, ok := c.found[name]; ok {
			continue
		}
		at, err := c.resolve(name, dirs)
		if err != nil {
			return models.Errorf(models.KindConflict, "the image's base cannot be made here: %s needs %s, which is not on this machine", filepath.Base(object), name).Because(err)
		}
		c.found[name] = at
		if err := c.visit(at); err != nil {
			return err
		}
	}
	return nil
}

func (c *search) resolve(name string, dirs []string) (string, error) {
	for _, dir := range dirs {
		candidate := filepath.Join(dir, name)
		f, err := elf.Open(candidate)
		if err != nil {
			continue
		}
		fits := f.Machine == c.machine && f.Class == c.class
		_ = f.Close()
		if fits {
			return candidate, nil
		}
	}
	return "", fmt.Errorf("not in %s", strings.Join(dirs, ", "))
}

// libraries places what was found. All libraries stand beside the C library,
// in a folder that this loader searches by itself.
func (c *search) libraries(interpreter string) ([]library, error) {
	loader := library{found: interpreter, inside: inImage(interpreter)}
	home := filepath.Dir(interpreter)
	if libc, ok := c.found["libc.so.6"]; ok {
		home = filepath.Dir(libc)
	}
	all := []library{loader}
	for name, at := range c.found {
		if name != filepath.Base(interpreter) {
			all = append(all, library{found: at, inside: inImage(filepath.Join(home, filepath.Base(name)))})
		}
	}
	slices.SortFunc(all, func(a, b library) int { return strings.Compare(a.inside, b.inside) })
	return all, nil
}

// inImage is a path with the links of its folder followed.
func inImage(p string) string {
	if dir, err := filepath.EvalSymlinks(filepath.Dir(p)); err == nil {
		p = filepath.Join(dir, filepath.Base(p))
	}
	return strings.TrimPrefix(p, "/")
}

// runPath is where an object itself says its libraries are.
func runPath(f *elf.File, origin string) []string {
	var dirs []string
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		values, _ := f.DynString(tag)
		for _, v := range values {
			for _, dir := range strings.Split(v, ":") {
				dir = strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin).Replace(dir)
				if filepath.IsAbs(dir) {
					dirs = append(dirs, dir)
				}
			}
		}
	}
	return dirs
}

// loaderDirs is where the loader looks: what /etc/ld.so.conf lists, then its
// own.
func loaderDirs(machine elf.Machine) []string {
	triplet := map[elf.Machine]string{elf.EM_X86_64: "x86_64-linux-gnu", elf.EM_AARCH64: "aarch64-linux-gnu"}[machine]
	dirs := configured("/etc/ld.so.conf", 0)
	if triplet != "" {
		dirs = append(dirs, "/lib/"+triplet, "/usr/lib/"+triplet)
	}
	return append(dirs, "/lib64", "/usr/lib64", "/lib", "/usr/lib")
}

func configured(file string, depth int) []string {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) || depth > 8 || err != nil {
		return nil
	}
	defer f.Close()
	var dirs []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 2 && fields[0] == "include":
			more, _ := filepath.Glob(fields[1])
			for _, m := range more {
				dirs = append(dirs, configured(m, depth+1)...)
			}
		case len(fields) == 1 && filepath.IsAbs(fields[0]):
			dirs = append(dirs, fields[0])
		}
	}
	return dirs
}

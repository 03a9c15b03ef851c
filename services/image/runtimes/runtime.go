// Package runtimes lists what can serve a model in an image.
package runtimes

import (
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// Runtime is one way to serve a model.
type Runtime interface {
	// Name is what a pipeline calls it.
	Name() string
	// Suits tells whether it can serve a model.
	Suits(m Model) bool
	// Files lists what it brings into an image, out of the folder of built
	// programs.
	Files(dir string) []File
	// Entrypoint is the command that serves a model.
	Entrypoint(m Model) []string
}

// Model is what a runtime knows of a model version.
type Model struct {
	Name    string
	Version int64
	Flavors []string // of its MLmodel; none where it has no such file
	Paths   []string // of its files, relative to its root
}

// File is one file of an image.
type File struct {
	Path   string // in the image, without a leading slash
	Mode   int64
	Source string // on this machine
}

// Choose finds the runtime a pipeline asks for; auto, or none, takes the first
// that suits.
func Choose(name string, m Model) (Runtime, error) {
	var names []string
	for _, r := range All() {
		names = append(names, r.Name())
		if name == r.Name() && !r.Suits(m) {
			return nil, models.Errorf(models.KindInvalid, "the runtime %s does not serve version %d of %q, which has %s", name, m.Version, m.Name, m.has())
		}
		if name == r.Name() || (name == "auto" || name == "") && r.Suits(m) {
			return r, nil
		}
	}
	known := strings.Join(names, ", ")
	if name == "auto" || name == "" {
		return nil, models.Errorf(models.KindInvalid, "no runtime (%s) serves version %d of %q, which has %s", known, m.Version, m.Name, m.has())
	}
	return nil, models.Errorf(models.KindInvalid, "there is no runtime %q: use auto, %s", name, known)
}

func (m Model) has() string {
	if len(m.Flavors) == 0 {
		return fmt.Sprintf("no MLmodel and %d files", len(m.Paths))
	}
	return "the flavours " + strings.Join(m.Flavors, ", ")
}

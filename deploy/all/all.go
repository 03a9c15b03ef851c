// Package all lists the targets.
package all

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/docker"
	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
)

// Options are what the targets need.
type Options struct {
	Dir        string // the process target's folder
	Keeper     string // see process.Options
	DockerHost string // "" for the usual one
	Now        func() time.Time
}

// Targets are those an environment may name.
type Targets map[string]deploy.Target

// New makes every target. None is reached for yet.
func New(o Options) (Targets, error) {
	onProcess, err := process.New(process.Options{Dir: o.Dir, Keeper: o.Keeper, Now: o.Now})
	if err != nil {
		return nil, fmt.Errorf("target process: %w", err)
	}
	onDocker, err := docker.New(docker.Options{Host: o.DockerHost})
	if err != nil {
		return nil, fmt.Errorf("target docker: %w", err)
	}
	return Targets{
		"process": onProcess,
		"docker":  onDocker,
	}, nil
}

// Get finds a target by name.
func (t Targets) Get(name string) (deploy.Target, error) {
	if target, ok := t[name]; ok {
		return target, nil
	}
	return nil, models.Errorf(models.KindInvalid, "there is no target %q: use %s", name, strings.Join(slices.Sorted(maps.Keys(t)), " or "))
}

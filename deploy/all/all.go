// Package all lists the targets.
package all

import (
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/docker"
	"github.com/slipway-ml/slipway/deploy/process"
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

package docker

import (
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/slipway-ml/slipway/deploy"
)

// initThreads are what a container's first process takes of its limit.
const initThreads = 16

// runSettings are a run's container's: no rights, nothing to write to but its
// folders and a small /tmp, no network unless it is open, and the limits.
// Everything that it may use is mounted where it is on this machine.
func (r *Runner) runSettings(spec deploy.RunSpec, control string, user int) (*container.Config, *container.HostConfig) {
	var pids *int64
	if n := int64(spec.Processes); n > 0 {
		n += initThreads
		pids = &n
	}
	id := strconv.Itoa(user)
	c := &container.Config{
		Image: spec.Image, Entrypoint: []string{initPath}, Cmd: []string{}, Env: spec.Env, WorkingDir: spec.Dir,
		User: id + ":" + id, Hostname: "slipway", AttachStdout: true, AttachStderr: true,
		Labels: map[string]string{labelServer: spec.Server, labelRun: spec.ID, labelControl: control},
	}
	h := &container.HostConfig{
		NetworkMode:    "none",
		IpcMode:        "private",
		ReadonlyRootfs: true,
		Tmpfs:          map[string]string{"/tmp": "rw,exec,nosuid,nodev,size=64m,mode=1777"},
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		OomScoreAdj:    500,
		RestartPolicy:  container.RestartPolicy{Name: container.RestartPolicyDisabled},
		LogConfig:      container.LogConfig{Type: "none"}, // it goes to the caller alone
		Resources: container.Resources{
			NanoCPUs: int64(spec.CPUs * 1e9), Memory: spec.MemoryBytes, MemorySwap: spec.MemoryBytes, PidsLimit: pids,
			Ulimits: ulimits(spec),
		},
	}
	if spec.Open {
		h.NetworkMode = "bridge"
	}
	bind := func(source, target string, readOnly bool) {
		h.Mounts = append(h.Mounts, mount.Mount{
			Type: mount.TypeBind, Source: source, Target: target, ReadOnly: readOnly,
			BindOptions: &mount.BindOptions{Propagation: mount.PropagationRPrivate},
		})
	}
	bind(r.Init, initPath, true)
	bind(control, controlPath, true)
	for _, p := range spec.Read {
		bind(p, p, true)
	}
	for _, p := range append([]string{spec.Dir}, spec.Write...) {
		bind(p, p, false)
	}
	return c, h
}

func ulimits(spec deploy.RunSpec) []*container.Ulimit {
	all := []*container.Ulimit{{Name: "core"}}
	if spec.FileBytes > 0 {
		all = append(all, &container.Ulimit{Name: "fsize", Soft: spec.FileBytes, Hard: spec.FileBytes})
	}
	if spec.CPUSeconds > 0 {
		all = append(all, &container.Ulimit{Name: "cpu", Soft: spec.CPUSeconds, Hard: spec.CPUSeconds + 1})
	}
	return all
}

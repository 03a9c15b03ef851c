package docker

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-ml/slipway/deploy"
)

// The labels of a container.
const (
	labelServer      = "slipway.server"
	labelInstance    = "slipway.instance"
	labelModel       = "slipway.model"
	labelEnvironment = "slipway.environment"
	labelRelease     = "slipway.release"
	labelImage       = "slipway.image" // the digest of its manifest
	labelRun         = "slipway.run"   // of a container that is no instance, but a run
	labelControl     = "slipway.control"
)

// port is where an image's server listens.
const port = nat.Port("8080/tcp")

func containerName(id string) string { return "slipway-" + id }

// settings are a container's: published on the loopback alone, with no rights,
// nothing to write to but a small /tmp, and the release's limits.
func settings(image string, config v1.Config, spec deploy.InstanceSpec) (*container.Config, *container.HostConfig) {
	cmd := slices.Clone(config.Cmd)
	if spec.Threads > 0 {
		cmd = append(cmd, "--threads", strconv.Itoa(spec.Threads))
	}
	var env []string
	for _, name := range slices.Sorted(maps.Keys(spec.Env)) {
		env = append(env, name+"="+spec.Env[name])
	}
	pids := int64(512)
	c := &container.Config{
		Image: image, Cmd: cmd, Env: env, Hostname: "slipway",
		ExposedPorts: nat.PortSet{port: {}},
		Healthcheck:  healthcheck(config),
		Labels: map[string]string{
			labelServer: spec.Server, labelInstance: spec.ID, labelModel: spec.Model, labelEnvironment: spec.Environment,
			labelRelease: strconv.FormatInt(spec.Release, 10), labelImage: spec.ImageDigest,
		},
	}
	h := &container.HostConfig{
		PortBindings:   nat.PortMap{port: {{HostIP: "127.0.0.1"}}}, // a free one
		ReadonlyRootfs: true,
		Tmpfs:          map[string]string{"/tmp": "rw,noexec,nosuid,nodev,size=64m"},
		CapDrop:        []string{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		RestartPolicy:  container.RestartPolicy{Name: container.RestartPolicyDisabled},
		LogConfig:      container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "1m", "max-file": "2"}},
		Resources: container.Resources{
			NanoCPUs: int64(spec.CPU * 1e9), Memory: spec.MemoryBytes, MemorySwap: spec.MemoryBytes, PidsLimit: &pids,
		},
	}
	return c, h
}

// healthcheck asks the server from inside, by its own program: a serving image
// has no other.
func healthcheck(config v1.Config) *container.HealthConfig {
	if len(config.Entrypoint) == 0 {
		return nil
	}
	return &container.HealthConfig{
		Test:     []string{"CMD", config.Entrypoint[0], "--probe", "http://127.0.0.1:" + port.Port() + "/health"},
		Interval: 5 * time.Second, Timeout: 3 * time.Second, StartPeriod: 30 * time.Second, Retries: 3,
	}
}

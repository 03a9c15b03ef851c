package docker

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/slipway-ml/slipway/deploy"
)

// Inspect implements deploy.Target.
func (t *Target) Inspect(ctx context.Context, id string) (deploy.Instance, error) {
	c, err := t.engine.ContainerInspect(ctx, containerName(id))
	if errdefs.IsNotFound(err) {
		return deploy.Instance{ID: id, State: deploy.StateGone}, nil
	}
	if err != nil {
		return deploy.Instance{}, translate(err, "inspect the container")
	}
	labels := c.Config.Labels
	release, _ := strconv.ParseInt(labels[labelRelease], 10, 64)
	i := deploy.Instance{
		ID: labels[labelInstance], Server: labels[labelServer], Model: labels[labelModel], Environment: labels[labelEnvironment],
		Release: release, State: deploy.StateStarting,
	}
	i.StartedAt, _ = time.Parse(time.RFC3339Nano, c.State.StartedAt)
	switch c.State.Status {
	case container.StateExited, container.StateDead, container.StateRemoving:
		i.State, i.Reason = deploy.StateExited, t.reason(ctx, id, c)
	case container.StateRunning:
		if published := c.NetworkSettings.Ports[port]; len(published) > 0 {
			i.Address = net.JoinHostPort(published[0].HostIP, published[0].HostPort)
			if healthy(ctx, i.Address) {
				i.State = deploy.StateReady
			}
		}
	}
	return i, nil
}

// healthy asks the server from here, where requests will come from. The
// Engine's own health check is for people and comes later.
func healthy(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", http.NoBody)
	if err != nil {
		return false
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// reason says in a line why a container has ended.
func (t *Target) reason(ctx context.Context, id string, c container.InspectResponse) string {
	if c.State.OOMKilled {
		return fmt.Sprintf("used more memory than its limit of %d MiB", c.HostConfig.Memory>>20)
	}
	if c.State.Error != "" {
		return c.State.Error
	}
	how := fmt.Sprintf("exit code %d", c.State.ExitCode)
	var log bytes.Buffer
	if t.Logs(ctx, id, &log, 16<<10) == nil {
		if line := deploy.LastLine(log.String()); line != "" {
			return line + " (" + how + ")"
		}
	}
	return how
}

// List implements deploy.Target.
func (t *Target) List(ctx context.Context, server string) ([]deploy.Instance, error) {
	found, err := t.engine.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", labelServer+"="+server), filters.Arg("label", labelInstance)),
	})
	if err != nil {
		return nil, translate(err, "list containers")
	}
	var list []deploy.Instance
	for _, c := range found {
		i, err := t.Inspect(ctx, c.Labels[labelInstance])
		if err != nil {
			return nil, err
		}
		if i.State != deploy.StateGone {
			list = append(list, i)
		}
	}
	return list, nil
}

// Logs implements deploy.Target.
func (t *Target) Logs(ctx context.Context, id string, w io.Writer, limit int64) error {
	log, err := t.engine.ContainerLogs(ctx, containerName(id), container.LogsOptions{ShowStdout: true, ShowStderr: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return translate(err, "read the container's log")
	}
	defer log.Close()
	last := &lastBytes{limit: limit} // the Engine keeps at most 2 MB (settings)
	if _, err := stdcopy.StdCopy(last, last, log); err != nil {
		return fmt.Errorf("read the log of instance %s: %w", id, err)
	}
	_, err = w.Write(last.kept)
	return err
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct {
	limit int64
	kept  []byte
}

func (l *lastBytes) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p...)
	if extra := int64(len(l.kept)) - l.limit; extra > 0 {
		l.kept = l.kept[:copy(l.kept, l.kept[extra:])]
	}
	return len(p), nil
}

// Capacity implements deploy.Target: what the Engine has, less what is promised
// to instances.
func (t *Target) Capacity(ctx context.Context) (deploy.Capacity, error) {
	info, err := t.engine.Info(ctx)
	if err != nil {
		return deploy.Capacity{}, translate(err, "tell its size")
	}
	room := deploy.Capacity{CPU: float64(info.NCPU), MemoryBytes: info.MemTotal}
	ours, err := t.engine.ContainerList(ctx, container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", labelServer))})
	if err != nil {
		return deploy.Capacity{}, translate(err, "list containers")
	}
	for _, c := range ours {
		if one, err := t.engine.ContainerInspect(ctx, c.ID); err == nil {
			room.CPU -= float64(one.HostConfig.NanoCPUs) / 1e9
			room.MemoryBytes -= one.HostConfig.Memory
		}
	}
	return room, nil
}

package deploytest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// patience is how long something may take on a busy machine.
const patience = time.Minute

// Exercise tries a target's promises. Each call of open is another life of the
// server: it gives the target anew over what the last one left.
func Exercise(t *testing.T, open func(t *testing.T) deploy.Target, images Images) {
	t.Helper()
	e := exercise{open, images}
	for name, try := range map[string]func(*testing.T){
		"an instance serves until it is stopped":        e.serves,
		"the same id started twice starts one":          e.startsOnce,
		"the next life of the server finds an instance": e.survives,
		"a model that does not load says why":           e.saysWhy,
		"what was never started is gone":                e.gone,
		"an image that is not there is refused":         e.unknownImage,
		"stopping lets a request finish":                e.drains,
		"there is room":                                 e.capacity,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try(t)
		})
	}
}

type exercise struct {
	open   func(t *testing.T) deploy.Target
	images Images
}

// spec is an instance of an image, of a server of its own.
func (e exercise) spec(t *testing.T, target deploy.Target, digest string) deploy.InstanceSpec {
	t.Helper()
	id := uuid.NewString()
	t.Cleanup(func() { _ = target.Stop(context.WithoutCancel(t.Context()), id, 0) })
	return deploy.InstanceSpec{
		ID: id, Server: "test-" + id, Model: "shapes", Environment: "staging", Release: 7, ImageDigest: digest, Images: e.images,
		Env: map[string]string{"CONFIDENCE": "0.25"}, CPU: 1, MemoryBytes: 1 << 30,
	}
}

// Await polls an instance until it is in a state.
func Await(t *testing.T, target deploy.Target, id string, state deploy.State) deploy.Instance {
	t.Helper()
	var got deploy.Instance
	require.Eventually(t, func() bool {
		var err error
		got, err = target.Inspect(t.Context(), id)
		return err == nil && (got.State == state || got.State == deploy.StateExited)
	}, patience, 20*time.Millisecond)
	require.Equal(t, state, got.State, got.Reason)
	return got
}

func get(t *testing.T, address, path string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return err
}

func (e exercise) serves(t *testing.T) {
	target := e.open(t)
	spec := e.spec(t, target, e.images.Good)
	_, err := target.Start(t.Context(), spec)
	require.NoError(t, err)
	got := Await(t, target, spec.ID, deploy.StateReady)
	require.Equal(t, deploy.Instance{
		ID: spec.ID, Server: spec.Server, Model: "shapes", Environment: "staging", Release: 7,
		State: deploy.StateReady, Address: got.Address, StartedAt: got.StartedAt,
	}, got)
	require.WithinDuration(t, time.Now(), got.StartedAt, patience)
	host, _, err := net.SplitHostPort(got.Address)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", host, "nobody else reaches it")
	require.NoError(t, get(t, got.Address, "/health"))
	require.NoError(t, target.Stop(t.Context(), spec.ID, 10*time.Second))
	e.isGone(t, target, spec) // its port may be another instance's by now
	require.NoError(t, target.Stop(t.Context(), spec.ID, 10*time.Second), "stopping again is no error")
}

func (e exercise) isGone(t *testing.T, target deploy.Target, spec deploy.InstanceSpec) {
	t.Helper()
	got, err := target.Inspect(t.Context(), spec.ID)
	require.NoError(t, err)
	require.Equal(t, deploy.Instance{ID: spec.ID, State: deploy.StateGone}, got)
	list, err := target.List(t.Context(), spec.Server)
	require.NoError(t, err)
	require.Empty(t, list)
}

func (e exercise) startsOnce(t *testing.T) {
	target := e.open(t)
	spec := e.spec(t, target, e.images.Good)
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			_, err := target.Start(t.Context(), spec)
			return err
		})
	}
	require.NoError(t, g.Wait())
	first := Await(t, target, spec.ID, deploy.StateReady)
	again, err := target.Start(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, first.Address, again.Address)
	list, err := target.List(t.Context(), spec.Server)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

func (e exercise) survives(t *testing.T) {
	before := e.open(t)
	spec := e.spec(t, before, e.images.Good)
	_, err := before.Start(t.Context(), spec)
	require.NoError(t, err)
	was := Await(t, before, spec.ID, deploy.StateReady)
	after := e.open(t)
	list, err := after.List(t.Context(), spec.Server)
	require.NoError(t, err)
	require.Equal(t, []deploy.Instance{was}, list)
	others, err := after.List(t.Context(), "another-server")
	require.NoError(t, err)
	require.Empty(t, others)
	again, err := after.Start(t.Context(), spec)
	require.NoError(t, err)
	require.Equal(t, was.Address, again.Address, "it is not started anew")
	require.NoError(t, after.Stop(t.Context(), spec.ID, 10*time.Second))
	e.isGone(t, after, spec)
}

func (e exercise) saysWhy(t *testing.T) {
	target := e.open(t)
	spec := e.spec(t, target, e.images.Broken)
	_, err := target.Start(t.Context(), spec)
	require.NoError(t, err)
	got := Await(t, target, spec.ID, deploy.StateExited)
	require.Contains(t, got.Reason, e.images.Says)
	require.Contains(t, got.Reason, "exit code 3")
	require.NotContains(t, got.Reason, "\n")
	var log bytes.Buffer
	require.NoError(t, target.Logs(t.Context(), spec.ID, &log, 1<<20))
	require.Contains(t, log.String(), "MODEL_LOAD_FAILED")
	log.Reset()
	require.NoError(t, target.Logs(t.Context(), spec.ID, &log, 10))
	require.Equal(t, 10, log.Len())
	list, err := target.List(t.Context(), spec.Server)
	require.NoError(t, err)
	require.Len(t, list, 1, "it is kept until it is stopped")
	_, err = target.Start(t.Context(), spec)
	require.NoError(t, err, "it may be tried again")
	Await(t, target, spec.ID, deploy.StateExited)
	require.NoError(t, target.Stop(t.Context(), spec.ID, time.Second))
	e.isGone(t, target, spec)
}

func (e exercise) gone(t *testing.T) {
	target := e.open(t)
	e.isGone(t, target, e.spec(t, target, e.images.Good))
}

func (e exercise) unknownImage(t *testing.T) {
	target := e.open(t)
	spec := e.spec(t, target, "sha256:0000000000000000000000000000000000000000000000000000000000000000")
	_, err := target.Start(t.Context(), spec)
	require.ErrorContains(t, err, "sha256:0000")
	require.Equal(t, models.KindNotFound, models.KindOf(err))
	e.isGone(t, target, spec)
}

func (e exercise) drains(t *testing.T) {
	if e.images.Slow == "" {
		t.Skip("these images have no slow request")
	}
	target := e.open(t)
	spec := e.spec(t, target, e.images.Good)
	_, err := target.Start(t.Context(), spec)
	require.NoError(t, err)
	address := Await(t, target, spec.ID, deploy.StateReady).Address
	answer := make(chan error, 1)
	go func() { answer <- get(t, address, e.images.Slow) }()
	require.Eventually(t, func() bool { // the request has come
		var log bytes.Buffer
		return target.Logs(t.Context(), spec.ID, &log, 1<<20) == nil && bytes.Contains(log.Bytes(), []byte("slow"))
	}, patience, 5*time.Millisecond)
	require.NoError(t, target.Stop(t.Context(), spec.ID, patience))
	require.NoError(t, <-answer)
}

func (e exercise) capacity(t *testing.T) {
	room, err := e.open(t).Capacity(t.Context())
	require.NoError(t, err)
	require.Positive(t, room.MemoryBytes)
}

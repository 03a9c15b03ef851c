package docker_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/deploytest"
	"github.com/slipway-ml/slipway/deploy/docker"
	"github.com/slipway-ml/slipway/models"
	engine "github.com/slipway-ml/slipway/tests/testbed/docker"
)

func open(t *testing.T, host string) *docker.Target {
	t.Helper()
	target, err := docker.New(docker.Options{Host: host})
	require.NoError(t, err)
	t.Cleanup(func() { _ = target.Close() })
	return target
}

func TestTarget(t *testing.T) {
	t.Parallel()
	host, images := engine.Start(t), deploytest.SmallImages(t)
	deploytest.Exercise(t, func(t *testing.T) deploy.Target { t.Helper(); return open(t, host) }, images)
}

func TestAContainerHasNoRightsAndItsLimits(t *testing.T) {
	t.Parallel()
	host, images := engine.Start(t), deploytest.SmallImages(t)
	target := open(t, host)
	_, err := target.Start(t.Context(), deploy.InstanceSpec{
		ID: "one", Server: "test", Model: "Form/Ä", ImageDigest: images.Good, Images: images,
		Env: map[string]string{"CONFIDENCE": "0.25"}, CPU: 0.5, MemoryBytes: 256 << 20, Threads: 3,
	})
	require.NoError(t, err)
	i := deploytest.Await(t, target, "one", deploy.StateReady)
	raw, err := client.NewClientWithOpts(client.WithHost(host), client.WithAPIVersionNegotiation())
	require.NoError(t, err)
	c, err := raw.ContainerInspect(t.Context(), "slipway-one")
	require.NoError(t, err)
	require.Equal(t, int64(5e8), c.HostConfig.NanoCPUs)
	require.Equal(t, int64(256<<20), c.HostConfig.Memory)
	require.Equal(t, int64(256<<20), c.HostConfig.MemorySwap)
	require.True(t, c.HostConfig.ReadonlyRootfs)
	require.Equal(t, []string{"ALL"}, []string(c.HostConfig.CapDrop))
	require.Contains(t, c.HostConfig.SecurityOpt, "no-new-privileges")
	require.Equal(t, "65532:65532", c.Config.User)
	require.Equal(t, "one", c.Config.Labels["slipway.instance"])
	res, err := http.Get("http://" + i.Address + "/env")
	require.NoError(t, err)
	defer res.Body.Close()
	env, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Contains(t, string(env), "CONFIDENCE=0.25")
	require.Contains(t, string(env), "threads=3")
	require.Eventually(t, func() bool {
		c, err := raw.ContainerInspect(t.Context(), "slipway-one")
		return err == nil && c.State.Health.Status == container.Healthy
	}, time.Minute, 100*time.Millisecond, "its own health check passes")

	loaded, err := raw.ImageInspect(t.Context(), c.Image)
	require.NoError(t, err)
	require.Equal(t, []string{"slipway.local/form:" + strings.TrimPrefix(images.Good, "sha256:")}, loaded.RepoTags)
	_, err = http.Post("http://"+i.Address+"/eat", "", nil) //nolint:bodyclose // there is no answer
	require.Error(t, err)
	require.Equal(t, "used more memory than its limit of 256 MiB", deploytest.Await(t, target, "one", deploy.StateExited).Reason)
	require.NoError(t, target.Stop(t.Context(), "one", 0))
	_, err = raw.ImageInspect(t.Context(), c.Image)
	require.Error(t, err, "the image goes with its last container")
}

// answering is an Engine that answers a load with a text of ours.
func answering(t *testing.T, answer string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
			w.Header().Set("Api-Version", "1.41")
		case strings.HasSuffix(r.URL.Path, "/images/load"):
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, answer)
		default:
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(map[string]string{"message": "No such thing"})
		}
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http://", "tcp://", 1)
}

func TestALoadThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	images := deploytest.SmallImages(t)
	for name, c := range map[string]struct{ answer, want string }{
		"an error in the stream":    {`{"stream":"Loading"}{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}`, "no space left on device"},
		"an answer that is cut":     {`{"stream":"Loa`, "cut short"},
		"an image that is not kept": {`{"stream":"Loaded image"}`, "No such thing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(t, answering(t, c.answer)).Start(t.Context(), deploy.InstanceSpec{ID: "a", ImageDigest: images.Good, Images: images})
			require.ErrorContains(t, err, c.want)
			require.Equal(t, models.KindUnavailable, models.KindOf(err))
		})
	}
}

func TestAFaultyLayerIsTheImagesFault(t *testing.T) {
	t.Parallel()
	images := deploytest.SmallImages(t)
	images.Source.(*deploytest.Memory).Spoil(t, images.Good)
	_, err := open(t, answering(t, `{"stream":"Loaded"}`)).Start(t.Context(), deploy.InstanceSpec{ID: "a", ImageDigest: images.Good, Images: images})
	require.ErrorContains(t, err, "others than its digest says")
	require.Equal(t, models.KindInvalid, models.KindOf(err))
}

func TestAnEngineThatIsAway(t *testing.T) {
	t.Parallel()
	target := open(t, "unix:///no/such/socket")
	for name, try := range map[string]func(context.Context) error{
		"inspect":  func(ctx context.Context) error { _, err := target.Inspect(ctx, "a"); return err },
		"list":     func(ctx context.Context) error { _, err := target.List(ctx, "a"); return err },
		"stop":     func(ctx context.Context) error { return target.Stop(ctx, "a", 0) },
		"capacity": func(ctx context.Context) error { _, err := target.Capacity(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, models.KindUnavailable, models.KindOf(try(t.Context())))
		})
	}
}

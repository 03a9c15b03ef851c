package telemetry_test

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob/mem"
	"github.com/slipway-ml/slipway/storage/sqlstore"
	"github.com/slipway-ml/slipway/telemetry"
)

func TestWithoutAnEndpointNothingIsWrapped(t *testing.T) {
	t.Parallel()
	off, err := telemetry.New(t.Context(), telemetry.Config{})
	require.NoError(t, err)
	require.Nil(t, off)
	require.Nil(t, off.Requests())
	require.Nil(t, off.Names())
	require.Same(t, http.DefaultTransport, off.Transport(http.DefaultTransport))
	store := mem.New(time.Now)
	require.Same(t, store, off.Store(store))
	require.NoError(t, off.Close(t.Context()))
	db, err := sqlstore.Open(t.Context(), "sqlite:///"+filepath.Join(t.TempDir(), "x.db"), sqlstore.Options{})
	require.NoError(t, err)
	defer db.Close()
	require.Same(t, db, off.Database(db))
}

func TestAnEndpointThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"collector:4318", "grpc://x:4317", "http://"} {
		_, err := telemetry.New(t.Context(), telemetry.Config{Endpoint: endpoint})
		require.ErrorContains(t, err, "--otlp-endpoint", endpoint)
	}
}

// BenchmarkView compares a read without telemetry, with it off and with it on.
func BenchmarkView(b *testing.B) {
	db, err := sqlstore.Open(b.Context(), "sqlite:///"+filepath.Join(b.TempDir(), "x.db"), sqlstore.Options{})
	require.NoError(b, err)
	defer db.Close()
	var off *telemetry.Telemetry
	on, err := telemetry.New(b.Context(), telemetry.Config{Endpoint: "http://127.0.0.1:1", Sample: 1})
	require.NoError(b, err)
	for name, d := range map[string]storage.DB{"without": db, "off": off.Database(db), "on": on.Database(db)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = d.View(context.Background(), func(storage.Tx) error { return nil })
			}
		})
	}
}

func TestASamplerThatNobodyKnowsIsRefused(t *testing.T) {
	t.Parallel()
	_, err := telemetry.New(t.Context(), telemetry.Config{Endpoint: "http://127.0.0.1:1", Sampler: "jaeger_remote"})
	require.ErrorContains(t, err, "--otlp-sampler")
}

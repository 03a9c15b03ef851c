package metered_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/blobtest"
	"github.com/slipway-ml/slipway/storage/blob/mem"
	"github.com/slipway-ml/slipway/storage/blob/metered"
)

func TestAMeasuredStoreKeepsItsPromises(t *testing.T) {
	t.Parallel()
	blobtest.Exercise(t, func(t *testing.T) blob.Store {
		t.Helper()
		s, err := metered.New(mem.New(time.Now), prometheus.NewRegistry(), time.Now)
		require.NoError(t, err)
		return s
	})
}

func TestBytesAndOutcomesAreCounted(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	s, err := metered.New(mem.New(time.Now), reg, time.Now)
	require.NoError(t, err)
	_, err = s.Put(t.Context(), "a", strings.NewReader("12345"), 5)
	require.NoError(t, err)
	r, _, err := s.Get(t.Context(), "a", 3, -1)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	_, err = s.Stat(t.Context(), "nowhere")
	require.Error(t, err)
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP slipway_store_bytes_total Bytes put into the artifact store and asked of it.
# TYPE slipway_store_bytes_total counter
slipway_store_bytes_total{operation="get"} 2
slipway_store_bytes_total{operation="put"} 5
`), "slipway_store_bytes_total"))
	n, err := testutil.GatherAndCount(reg, "slipway_store_operation_duration_seconds")
	require.NoError(t, err)
	require.Equal(t, 3, n)
}

package s3_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/blobtest"
	"github.com/slipway-ml/slipway/storage/blob/s3"
	testbed "github.com/slipway-ml/slipway/tests/testbed/s3"
)

func open(t *testing.T, address string, o s3.Options) *s3.Store {
	t.Helper()
	s, err := s3.New(t.Context(), address, o)
	require.NoError(t, err)
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	server := testbed.Shared(t)
	blobtest.Exercise(t, func(t *testing.T) blob.Store {
		return open(t, server.Address(t), s3.Options{Endpoint: server.URL})
	}, `\`) // SeaweedFS takes it for a slash
}

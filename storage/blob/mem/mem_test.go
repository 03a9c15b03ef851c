package mem_test

import (
	"testing"
	"time"

	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/blobtest"
	"github.com/slipway-ml/slipway/storage/blob/mem"
)

func TestStore(t *testing.T) {
	t.Parallel()
	blobtest.Exercise(t, func(*testing.T) blob.Store { return mem.New(time.Now) })
}

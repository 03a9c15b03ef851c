package sqlstore_test

import (
	"testing"

	"github.com/slipway-ml/slipway/storage/storagetest"
)

func TestNamedValues(t *testing.T) {
	t.Parallel()
	for name, open := range databases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.NamedValues(t, open)
		})
	}
}

package cli

import (
	"os"
	"testing"

	"github.com/slipway-ml/slipway/deploy/process"
)

func TestMain(m *testing.M) {
	process.Supervise()
	os.Exit(m.Run())
}

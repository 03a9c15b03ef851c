package docker_test

import (
	"os"
	"testing"

	"github.com/slipway-ml/slipway/deploy/process"
)

func TestMain(m *testing.M) {
	process.Supervise() // whether a run may have a user of its own is looked at so
	os.Exit(m.Run())
}

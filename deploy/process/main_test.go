package process_test

import (
	"os"
	"testing"

	"github.com/slipway-ml/slipway/deploy/process"
)

func TestMain(m *testing.M) {
	process.Supervise()
	os.Exit(m.Run())
}

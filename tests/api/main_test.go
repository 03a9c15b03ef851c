package api_test

import (
	"testing"

	"github.com/slipway-ml/slipway/tests/world"
)

func TestMain(m *testing.M) { world.Main(m) }

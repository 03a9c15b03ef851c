package process_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/deploy/process"
)

func TestMain(m *testing.M) {
	process.Supervise()
	if addresses := os.Getenv("SLIPWAY_TEST_DIAL"); addresses != "" {
		for _, address := range strings.Fields(addresses) {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				conn.Close()
			}
			fmt.Printf("dial %s: %v\n", address, err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

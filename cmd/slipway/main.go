// Command slipway delivers machine-learning models: the server and its client.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/slipway-ml/slipway/cmd/slipway/cli"
	"github.com/slipway-ml/slipway/deploy/docker"
	"github.com/slipway-ml/slipway/deploy/process"
)

func main() {
	process.Supervise()
	docker.Init()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Package cli holds the commands, one file each. Its door is Main.
package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
	kongyaml "github.com/alecthomas/kong-yaml"
)

type commands struct {
	Config kong.ConfigFlag `help:"A YAML file of settings, a line each; flags and variables beat it."`

	Server Server `cmd:"" help:"Run the server: API, gateway and workers."`
}

// Main runs the command that args name and gives its exit code: 0, 1 where it
// failed, 2 where it was called wrongly.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var (
		cmds   commands
		code   = -1
		exited bool
	)
	parser, err := kong.New(&cmds, kong.Name("slipway"), kong.Description("Delivers machine-learning models."),
		kong.Writers(stdout, stderr), kong.Exit(func(c int) { code, exited = c, true }), kong.UsageOnError(),
		kong.Configuration(kongyaml.Loader), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdin, (*io.Reader)(nil)), kong.BindTo(stderr, (*io.Writer)(nil)))
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "slipway:", err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if exited {
		return code
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "slipway:", err)
		return 2
	}
	if err := parsed.Run(); err != nil {
		_, _ = fmt.Fprintln(stderr, "slipway:", err)
		return 1
	}
	return 0
}

// Package cli holds the commands, one file each. Its door is Main. The command
// server runs the product; all others are clients of its API like any other.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
	kongyaml "github.com/alecthomas/kong-yaml"
)

// Commands is the whole command line.
type Commands struct {
	Config kong.ConfigFlag `help:"A YAML file of settings, a line each; flags and variables beat it."`

	Server   Server     `cmd:"" help:"Run the server: API, gateway and workers."`
	Pipeline Pipeline   `cmd:"" help:"Apply, show and check the delivery configuration of a model."`
	Dataset  Dataset    `cmd:"" help:"Push, show and verify labelled data sets."`
	Var      Var        `cmd:"" help:"Set and show variables, which pipelines name as vars.NAME."`
	Secret   Secret     `cmd:"" help:"Set and list secrets, which pipelines name as secrets.NAME and nobody can read."`
	Register Register   `cmd:"" help:"Register a model version, from a folder or from what the server holds."`
	Validate Validate   `cmd:"" help:"Validate a model version."`
	RunLocal RunLocal   `cmd:"" help:"Run a pipeline's validation on this machine, before anything is pushed."`
	Waive    Waive      `cmd:"" help:"Let a failed step of a validation count as passed for a while."`
	Build    Build      `cmd:"" help:"Build the serving image of a model version."`
	Promote  Promote    `cmd:"" help:"Release a model version in an environment."`
	Rollback Rollback   `cmd:"" help:"Bring an earlier release back."`
	Status   Status     `cmd:"" help:"Show what of a model is where."`
	Watch    Watch      `cmd:"" help:"Follow a validation or a promotion until it ends."`
	Logs     Logs       `cmd:"" help:"Print what a validation's steps, or a release's instances, wrote."`
	Pause    Pause      `cmd:"" help:"Pause the rollout in an environment."`
	Resume   Resume     `cmd:"" help:"Resume a paused rollout."`
	Skip     Skip       `cmd:"" help:"End the present step of a rollout without waiting for it."`
	Cancel   Cancel     `cmd:"" help:"Cancel the promotion in an environment; traffic goes back to the stable release."`
	Retry    Retry      `cmd:"" help:"Ask again for what the last promotion in an environment asked."`
	Lift     Lift       `cmd:"" help:"Lift the quarantine of a version in an environment."`
	Audit    Audit      `cmd:"" help:"Show who decided what, when and why."`
	GC       GC         `cmd:"" name:"gc" help:"Remove what was deleted long enough ago, and files that nothing needs."`
	Reports  Validation `cmd:"" name:"validation" help:"Save the report of a validation."`
	Verify   Verify     `cmd:"" help:"Read the files of versions again and tell what is missing or changed."`
	Doctor   Doctor     `cmd:"" help:"Look whether this machine has what Slipway needs."`
	Version  Version    `cmd:"" help:"Print the version."`

	Reference Reference `cmd:"" hidden:"" help:"Print the reference page of the documentation."`
}

// Streams are what a command reads and writes: results go to Out, news on the
// way there to Err.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// printf writes a line of results.
func (s *Streams) printf(format string, args ...any) { _, _ = fmt.Fprintf(s.Out, format+"\n", args...) }

// notef writes a line of news.
func (s *Streams) notef(format string, args ...any) { _, _ = fmt.Fprintf(s.Err, format+"\n", args...) }

// New makes the parser of the command line.
func New(cmds *Commands, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(cmds, append([]kong.Option{
		kong.Name("slipway"), kong.Description("Delivers machine-learning models: validates, builds, releases and takes back."),
		kong.Configuration(kongyaml.Loader), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	}, options...)...)
}

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // with the reason in a line on standard error
	exitUsage       = 2
	exitInterrupted = 130
)

// Main runs the command that args name and gives its exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var (
		cmds    Commands
		code    = -1
		streams = &Streams{stdin, stdout, stderr}
		exited  = func(c int) { code = c }
	)
	parser, err := New(&cmds, kong.Writers(stdout, stderr), kong.Exit(exited), kong.Bind(streams),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stderr, (*io.Writer)(nil)))
	if err != nil {
		streams.notef("slipway: %v", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if code >= 0 { // --help
		return code
	}
	if err != nil {
		streams.notef("slipway: %v (slipway --help lists the commands)", err)
		return exitUsage
	}
	switch err := parsed.Run(); {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		streams.notef("slipway: interrupted")
		return exitInterrupted
	default:
		streams.notef("slipway: %s", oneLine(err.Error()))
		if coded := (*exitError)(nil); errors.As(err, &coded) {
			return coded.code
		}
		return exitFailed
	}
}

package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

//go:generate sh -c "go run .. reference > ../../../docs/cli.md"

// Reference is the hidden command that writes docs/cli.md.
type Reference struct{}

// Run writes the page.
func (*Reference) Run(s *Streams) error {
	parser, err := New(&Commands{})
	if err != nil {
		return err
	}
	return writeReference(s.Out, parser.Model)
}

func writeReference(w io.Writer, app *kong.Application) error {
	text := &strings.Builder{}
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(text, format+"\n", args...) }
	line("# The command line\n")
	line("Written by `make generate` from what `slipway --help` says.\n")
	line("A command exits with 0 when what it was asked is so, with 1 and the reason in one line on standard error when it")
	line("is not, with 2 when it was called wrongly, and with 130 when it was interrupted. Results go to standard output, news")
	line("on the way there to standard error. Any flag can stand in the file that `--config` names, a line each; a flag beats")
	line("its environment variable, and that beats the file.\n")
	leaves := app.Leaves(true)
	for _, leaf := range leaves {
		name := strings.TrimPrefix(leaf.FullPath(), app.Name+" ")
		line("- [%s](#slipway-%s): %s", name, strings.ReplaceAll(name, " ", "-"), leaf.Help)
	}
	var shared []*kong.Flag
	for _, leaf := range leaves {
		line("\n## %s\n", leaf.FullPath())
		line("%s\n", leaf.Help)
		line("```\n%s %s\n```", app.Name, leaf.Summary())
		if leaf.Detail != "" {
			line("\n%s", detail(leaf.Detail))
		}
		if len(leaf.Positional) > 0 {
			line("\n| argument | |\n|---|---|")
			for _, arg := range leaf.Positional {
				line("| `%s` | %s |", arg.Summary(), cell(arg.Help))
			}
		}
		var own []*kong.Flag
		for _, flag := range leaf.Flags {
			if flag.Group == nil {
				own = append(own, flag)
			} else if len(shared) < 4 {
				shared = append(shared, flag)
			}
		}
		flags(line, own)
	}
	line("\n## Which server, and as whom\n\nEvery client command takes these.")
	flags(line, shared)
	_, err := io.WriteString(w, text.String())
	return err
}

func flags(line func(string, ...any), list []*kong.Flag) {
	if len(list) == 0 {
		return
	}
	line("\n| flag | variable | default | |\n|---|---|---|---|")
	for _, f := range list {
		name := "--" + f.Name
		if f.Short != 0 {
			name = "-" + string(f.Short) + ", " + name
		}
		if f.Tag.Negatable != "" {
			name = "--[no-]" + f.Name
		}
		help := cell(f.Help)
		if f.Required {
			help += " Required."
		}
		line("| `%s` | %s | %s | %s |", name, codes(f.Envs), codes(nonEmpty(f.Default)), help)
	}
}

// detail sets what is indented, which is typed, apart as code.
func detail(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if strings.HasPrefix(p, "  ") {
			paragraphs[i] = "```\n" + strings.TrimSpace(p) + "\n```"
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func codes(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = "`" + s + "`"
	}
	return strings.Join(quoted, ", ")
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

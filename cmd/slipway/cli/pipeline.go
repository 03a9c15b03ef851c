package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/openapi/client"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation/checks"
)

// Pipeline is the command slipway pipeline.
type Pipeline struct {
	Apply  PipelineApply  `cmd:"" help:"Make a document the model's pipeline."`
	Show   PipelineShow   `cmd:"" help:"Print a model's pipeline."`
	Lint   PipelineLint   `cmd:"" help:"Check documents. Needs no server."`
	Schema PipelineSchema `cmd:"" help:"Print the JSON Schema of the document, for editors."`
}

// PipelineApply is the command slipway pipeline apply.
type PipelineApply struct {
	Remote
	File string `short:"f" default:"slipway.yaml" help:"The document; - for standard input."`
}

// Run applies.
func (a *PipelineApply) Run(ctx context.Context, s *Streams) error {
	text, err := document(a.File, s.In)
	if err != nil {
		return err
	}
	var head struct {
		Model string `yaml:"model"`
	}
	if err := yaml.Unmarshal(text, &head); err != nil || head.Model == "" {
		return lint(s, a.File, text, errors.New("it does not name its model"))
	}
	api, err := a.api()
	if err != nil {
		return err
	}
	applied, err := answer[client.Pipeline](api.PutPipelineWithBody(ctx, head.Model, pipeline.YAML, bytes.NewReader(text)))
	var refused *RemoteError
	if errors.As(err, &refused) && len(refused.Body.Details) > 0 {
		for _, d := range refused.Body.Details {
			s.notef("%s:%s", a.File, oneLine(d.Message))
		}
		return fmt.Errorf("%s was not applied: %s", a.File, faults(len(refused.Body.Details)))
	}
	if err != nil {
		return err
	}
	s.printf("%s: revision %d of its pipeline is current", applied.Model, applied.Revision)
	return nil
}

// PipelineShow is the command slipway pipeline show.
type PipelineShow struct {
	Remote
	Model     string `arg:"" help:"The registered model."`
	Revision  int64  `help:"A revision (default: the current one)."`
	Revisions bool   `help:"List the revisions instead."`
}

// Run shows.
func (p *PipelineShow) Run(ctx context.Context, s *Streams) error {
	api, err := p.api()
	if err != nil {
		return err
	}
	if p.Revisions {
		list, err := answer[client.PipelineRevisionList](api.ListPipelineRevisions(ctx, p.Model, &client.ListPipelineRevisionsParams{}))
		if err != nil {
			return err
		}
		rows := [][]string{{"REVISION", "WHEN", "WHO", "DIGEST"}}
		for _, r := range list.Items {
			rows = append(rows, []string{strconv.FormatInt(r.Revision, 10), moment(r.CreatedAt), r.CreatedBy, r.Digest})
		}
		table(s.Out, rows)
		return nil
	}
	found, err := answer[client.Pipeline](api.GetPipeline(ctx, p.Model, &client.GetPipelineParams{Revision: set(p.Revision)}))
	if err != nil {
		return err
	}
	_, err = io.WriteString(s.Out, strings.TrimRight(found.Document, "\n")+"\n")
	return err
}

// PipelineLint is the command slipway pipeline lint.
type PipelineLint struct {
	Files []string `arg:"" optional:"" help:"The documents (default: slipway.yaml; - for standard input)."`
}

// Run lints.
func (l *PipelineLint) Run(s *Streams) error {
	if len(l.Files) == 0 {
		l.Files = []string{"slipway.yaml"}
	}
	var failed error
	for _, file := range l.Files {
		text, err := document(file, s.In)
		if err != nil {
			return err
		}
		if err := lint(s, file, text, nil); err != nil {
			failed = err
			continue
		}
		s.printf("%s is fine", file)
	}
	return failed
}

// lint names each fault at its place, as compilers do; otherwise is what is
// wrong where there is none.
func lint(s *Streams, file string, text []byte, otherwise error) error {
	grammar, err := pipeline.NewGrammar(checks.Declared())
	if err != nil {
		return err
	}
	kind := pipeline.YAML
	if strings.HasSuffix(file, ".json") {
		kind = pipeline.JSON
	}
	_, problems := grammar.Parse(text, kind, nil)
	for _, p := range problems {
		s.notef("%s:%s", file, p)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s: %s", file, faults(len(problems)))
	}
	if otherwise != nil {
		return fmt.Errorf("%s: %w", file, otherwise)
	}
	return nil
}

// PipelineSchema is the command slipway pipeline schema.
type PipelineSchema struct{}

// Run prints the schema.
func (*PipelineSchema) Run(s *Streams) error {
	grammar, err := pipeline.NewGrammar(checks.Declared())
	if err != nil {
		return err
	}
	_, err = s.Out.Write(grammar.Schema())
	return err
}

func document(file string, stdin io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(file)
}

func faults(n int) string {
	if n == 1 {
		return "1 fault"
	}
	return strconv.Itoa(n) + " faults"
}

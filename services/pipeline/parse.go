package pipeline

import (
	"encoding/json"
	"fmt"
	"mime"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// The media types of a document.
const (
	YAML = "application/yaml"
	JSON = "application/json"
)

// mediaType tells which of the two a text is: what its sender says, else what
// it is.
func mediaType(text []byte, contentType string) string {
	said, _, err := mime.ParseMediaType(contentType)
	if err == nil && (said == JSON || strings.HasSuffix(said, "+json")) || json.Valid(text) {
		return JSON
	}
	return YAML
}

// Grammar parses and lints documents.
type Grammar struct {
	// Steps are where run: steps may run, for what a server lints; nil where that
	// is not known.
	Steps []string

	schema compiled
	checks map[string]Check
}

// NewGrammar makes the grammar of documents that ask for these checks; it fails
// only where their declarations are wrong.
func NewGrammar(checks []Check) (*Grammar, error) {
	schema, err := compile(checks)
	if err != nil {
		return nil, fmt.Errorf("make the grammar of pipelines: %w", err)
	}
	g := &Grammar{schema: schema, checks: map[string]Check{}}
	for _, c := range checks {
		g.checks[c.Name] = c
	}
	return g, nil
}

// Parse reads a document. Its problems, in the order of lines, come with no
// more of the pipeline than its model, where that can be read; without any,
// the pipeline has its defaults filled in. known are the names of
// its scope; nil where nobody can tell which there are.
func (g *Grammar) Parse(text []byte, mediaType string, known *Names) (models.Pipeline, []Problem) {
	t := read(text, mediaType)
	var doc document
	if len(t.problems) == 0 {
		g.schema.structure(t)
	}
	if len(t.problems) == 0 {
		if err := t.root.Decode(&doc); err != nil {
			t.add(t.root, "", "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		}
	}
	if len(t.problems) == 0 {
		g.rules(t, doc, known)
	}
	if len(t.problems) > 0 {
		fields, _ := t.value.(map[string]any)
		model, _ := fields["model"].(string)
		return models.Pipeline{Model: model}, sortProblems(t.problems)
	}
	p, err := g.pipeline(t, doc)
	if err != nil {
		return p, []Problem{{Line: 1, Column: 1, Message: err.Error()}}
	}
	return p, nil
}

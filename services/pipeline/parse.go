package pipeline

import (
	"encoding/json"
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
type Grammar struct{ schema compiled }

// NewGrammar makes the grammar ready; it fails only if this package is wrong.
func NewGrammar() (*Grammar, error) {
	schema, err := compile()
	if err != nil {
		return nil, err
	}
	return &Grammar{schema: schema}, nil
}

// Parse reads a document. Its problems, in the order of lines, come with no
// more of the pipeline than its model, where that can be read; without any,
// the pipeline has its defaults filled in. known are the names ${{ … }} may use.
func (g *Grammar) Parse(text []byte, mediaType string, known Names) (models.Pipeline, []Problem) {
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
		rules(t, doc, known)
	}
	if len(t.problems) > 0 {
		fields, _ := t.value.(map[string]any)
		model, _ := fields["model"].(string)
		return models.Pipeline{Model: model}, sortProblems(t.problems)
	}
	return doc.pipeline(), nil
}

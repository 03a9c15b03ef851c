package pipeline

import (
	"mime"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// The media types of a document.
const (
	YAML = "application/yaml"
	JSON = "application/json"
)

// MediaType tells which of the two a Content-Type header means; YAML where it
// says nothing.
func MediaType(contentType string) (string, error) {
	parsed, _, err := mime.ParseMediaType(contentType)
	switch {
	case contentType == "":
		return YAML, nil
	case err == nil && (parsed == JSON || strings.HasSuffix(parsed, "+json")):
		return JSON, nil
	case err == nil && (strings.HasSuffix(parsed, "yaml") || parsed == "text/plain"):
		return YAML, nil
	default:
		return "", models.Errorf(models.KindInvalid,
			"Content-Type %q is no pipeline's: send %s or %s", contentType, YAML, JSON)
	}
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

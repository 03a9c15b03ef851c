// Package docs renders openapi/slipway.yaml as a page to read: one file of HTML
// that needs no script and nothing from elsewhere.
package docs

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/openapi"
)

//go:embed page.html
var page string

//go:embed page.css
var style string

// Page renders the page.
func Page() ([]byte, error) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	if err != nil {
		return nil, fmt.Errorf("read openapi/slipway.yaml: %w", err)
	}
	tmpl, err := template.New("page").Funcs(template.FuncMap{
		"prose": prose, "kind": kind, "schemas": schemas, "example": example, "limits": limits, "names": names,
	}).Parse(page)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = tmpl.Execute(&out, map[string]any{
		"Doc": doc, "Groups": groups(doc), "Style": template.CSS(style), //nolint:gosec // our own file
	})
	return out.Bytes(), err
}

// group is the operations of one tag.
type group struct {
	Name, Description string
	Operations        []operation
}

type operation struct {
	*openapi3.Operation
	Method, Path string
	All          openapi3.Parameters
}

func groups(doc *openapi3.T) []group {
	order := operationOrder()
	list := make([]group, 0, len(doc.Tags))
	for _, tag := range doc.Tags {
		g := group{Name: tag.Name, Description: tag.Description}
		for path, item := range doc.Paths.Map() {
			for method, o := range item.Operations() {
				if o.Tags[0] == tag.Name {
					g.Operations = append(g.Operations, operation{o, method, path, slices.Concat(item.Parameters, o.Parameters)})
				}
			}
		}
		slices.SortFunc(g.Operations, func(a, b operation) int {
			return cmp.Compare(order[a.OperationID], order[b.OperationID])
		})
		list = append(list, g)
	}
	return list
}

// operationOrder is the order in which the document has its operations, which
// tells a story that the alphabet does not.
func operationOrder() map[string]int {
	var root yaml.Node
	order := map[string]int{}
	if yaml.Unmarshal(openapi.Document(), &root) != nil {
		return order
	}
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		for i, child := range n.Content {
			if n.Kind == yaml.MappingNode && child.Value == "operationId" && i%2 == 0 {
				order[n.Content[i+1].Value] = len(order)
			}
			walk(child)
		}
	}
	walk(&root)
	return order
}

var (
	code   = regexp.MustCompile("`([^`]+)`")
	strong = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// prose renders what the document's descriptions use of Markdown: paragraphs,
// code and emphasis.
func prose(text string) template.HTML {
	var out strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		safe := template.HTMLEscapeString(paragraph)
		safe = code.ReplaceAllString(safe, "<code>$1</code>")
		safe = strong.ReplaceAllString(safe, "<strong>$1</strong>")
		out.WriteString("<p>" + safe + "</p>")
	}
	return template.HTML(out.String()) //nolint:gosec // escaped above
}

// kind says what a schema is, with a link to it where it has a name.
func kind(ref *openapi3.SchemaRef) template.HTML {
	if ref == nil || ref.Value == nil {
		return "any"
	}
	if name, ok := strings.CutPrefix(ref.Ref, "#/components/schemas/"); ok {
		return template.HTML(fmt.Sprintf(`<a href="#schema-%[1]s">%[1]s</a>`, template.HTMLEscapeString(name))) //nolint:gosec // escaped
	}
	s := ref.Value
	switch {
	case s.Type.Is("array"):
		return "list of " + kind(s.Items)
	case s.Type.Is("object") && s.AdditionalProperties.Schema != nil:
		return "map of " + kind(s.AdditionalProperties.Schema)
	case s.Format == "binary":
		return "bytes"
	case s.Format == "date-time":
		return "time"
	}
	text := "any"
	if types := s.Type.Slice(); len(types) > 0 {
		text = strings.Join(types, " or ")
	}
	if s.Nullable {
		text += " or null"
	}
	return template.HTML(template.HTMLEscapeString(text)) //nolint:gosec // escaped
}

// limits says what a value must keep to.
func limits(ref *openapi3.SchemaRef) []string {
	s := ref.Value
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprint(v)
		}
		add("one of %s", strings.Join(values, ", "))
	}
	if s.Pattern != "" {
		add("matches %s", s.Pattern)
	}
	if s.Min != nil {
		add("at least %v", *s.Min)
	}
	if s.Max != nil {
		add("at most %v", *s.Max)
	}
	if s.MinLength > 0 {
		add("not empty")
	}
	if s.MaxLength != nil {
		add("up to %d characters", *s.MaxLength)
	}
	if s.MaxItems != nil {
		add("up to %d items", *s.MaxItems)
	}
	if s.Default != nil {
		add("%v by default", s.Default)
	}
	return list
}

// example writes an example as JSON, and text as it is.
func example(v any) string {
	if text, ok := v.(string); ok {
		return strings.TrimSpace(text)
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

func schemas(doc *openapi3.T) []string { return slices.Sorted(maps.Keys(doc.Components.Schemas)) }

// names lists a schema's properties: those that are required first.
func names(s *openapi3.Schema) []string {
	list := slices.Sorted(maps.Keys(s.Properties))
	slices.SortStableFunc(list, func(a, b string) int {
		return cmp.Compare(rank(s, a), rank(s, b))
	})
	return list
}

func rank(s *openapi3.Schema, name string) int {
	if i := slices.Index(s.Required, name); i >= 0 {
		return i
	}
	return len(s.Required)
}

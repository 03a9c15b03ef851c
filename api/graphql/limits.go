package graphql

import (
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"
)

// What one request may ask, so that a short text cannot cost much work.
const (
	maxTokens     = 15_000
	maxRootFields = 10
	maxAliases    = 10 // in one selection
	maxDepth      = 10
	maxSelections = 1_000
)

// level is a selection, and how many fields it is away from the root.
type level struct {
	set   ast.SelectionSet
	depth int
}

// checkSize holds a document to the limits, its fragments counted wherever they
// are spread. It looks before the types are checked, for that costs work too.
func checkSize(doc *ast.QueryDocument) error {
	roots, aliases, selections := 0, 0, 0
	for _, operation := range doc.Operations {
		open := []level{{operation.SelectionSet, 1}}
		for len(open) > 0 {
			at := open[len(open)-1]
			open = open[:len(open)-1]
			if at.depth > maxDepth {
				return fmt.Errorf("Query exceeds maximum depth of %d", maxDepth) //nolint:staticcheck // MLflow's sentence
			}
			fields := spread(doc, at.set, map[string]bool{})
			if at.depth == 1 {
				roots += len(fields)
			}
			if selections += len(fields); selections > maxSelections {
				return fmt.Errorf("Query exceeds maximum total selections of %d", maxSelections) //nolint:staticcheck // MLflow's sentence
			}
			named := 0
			for _, f := range fields {
				if f.Alias != f.Name {
					named++
				}
				if len(f.SelectionSet) > 0 {
					open = append(open, level{f.SelectionSet, at.depth + 1})
				}
			}
			aliases = max(aliases, named)
		}
	}
	if roots > maxRootFields {
		return tooMany("root fields", maxRootFields, roots)
	}
	if aliases > maxAliases {
		return tooMany("aliases", maxAliases, aliases)
	}
	return nil
}

func tooMany(what string, most, got int) error {
	return fmt.Errorf("GraphQL queries should have at most %d %s, got %d %s.", most, what, got, what) //nolint:staticcheck,revive // MLflow's sentence
}

// spread gives the fields of a selection, those of its fragments included. seen
// keeps a fragment from being taken twice.
func spread(doc *ast.QueryDocument, set ast.SelectionSet, seen map[string]bool) (fields []*ast.Field) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			fields = append(fields, s)
		case *ast.InlineFragment:
			fields = append(fields, spread(doc, s.SelectionSet, seen)...)
		case *ast.FragmentSpread:
			fragment := doc.Fragments.ForName(s.Name)
			if fragment != nil && !seen[s.Name] {
				seen[s.Name] = true
				fields = append(fields, spread(doc, fragment.SelectionSet, seen)...)
			}
		}
	}
	return fields
}

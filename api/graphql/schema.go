package graphql

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// Resolver computes one field. Object is what its parent was resolved to, nil at
// the root; input is its argument of that name. What it gives is read as its
// JSON.
type Resolver func(ctx context.Context, object, input map[string]any) (any, error)

// Schema is a set of types, and how their fields are computed.
type Schema struct {
	types     *ast.Schema
	rules     *rules.Rules
	resolvers map[string]Resolver
}

// New reads a schema. Resolvers go by "Type.field"; every other field is taken
// from its object.
func New(schema string, resolvers map[string]Resolver) (*Schema, error) {
	types, err := validator.LoadSchema(validator.Prelude, &ast.Source{Name: "schema.graphql", Input: schema})
	if err != nil {
		return nil, fmt.Errorf("read the GraphQL schema: %w", err)
	}
	s := &Schema{types: types, rules: rules.NewDefaultRules(), resolvers: resolvers}
	for name := range resolvers {
		kind, field, _ := strings.Cut(name, ".")
		if def := types.Types[kind]; def == nil || def.Fields.ForName(field) == nil {
			return nil, fmt.Errorf("the GraphQL schema has no field %s", name)
		}
	}
	return s, nil
}

// Request is what a caller asks.
type Request struct {
	Query     string
	Operation string // its name, where the document holds several
	Variables map[string]any
}

// Response is the answer. Errors are sentences, as MLflow's servers give them.
type Response struct {
	Data   map[string]any `json:"data"`
	Errors []string       `json:"errors"`
}

func refuse(format string, args ...any) Response {
	return Response{Errors: []string{fmt.Sprintf(format, args...)}}
}

// Do answers one request. A field whose resolver fails is null, and its error is
// told beside the data, in the words of explain.
func (s *Schema) Do(ctx context.Context, r Request, explain func(error) string) Response {
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: r.Query}, maxTokens)
	if err != nil {
		return refuse("The query is not GraphQL: %s", err)
	}
	if err := checkSize(doc); err != nil {
		return refuse("%s", err)
	}
	if errs := validator.ValidateWithRules(s.types, doc, s.rules); len(errs) > 0 {
		answer := Response{}
		for _, e := range errs {
			answer.Errors = append(answer.Errors, e.Message)
		}
		return answer
	}
	operation := doc.Operations.ForName(r.Operation)
	if operation == nil {
		return refuse("The document has no operation %q: name one of its %d in operationName.", r.Operation, len(doc.Operations))
	}
	variables, err := validator.VariableValues(s.types, operation, r.Variables)
	if err != nil {
		return refuse("%s", err)
	}
	root := s.types.Query
	if operation.Operation == ast.Mutation {
		root = s.types.Mutation
	}
	e := execution{Schema: s, ctx: ctx, variables: variables, explain: explain}
	data := e.object(root.Name, nil, operation.SelectionSet)
	return Response{Data: data, Errors: e.errors}
}

// tree is a value as its JSON says it.
func tree(value any) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode an answer: %w", err)
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	var out any
	return out, dec.Decode(&out)
}

// Package graphql answers read-only GraphQL over values that are JSON already:
// a resolver gives what a REST handler would answer, and a query picks from it.
// A field is looked up by its name in snake case. Documents are parsed and
// checked by gqlparser; introspection and subscriptions are not offered.
package graphql

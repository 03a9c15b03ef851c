// Package search reads MLflow's filter language: clauses joined by AND, and
// orderings. One grammar serves every noun; a Vocabulary says which keys and
// comparisons a noun has. The result is a list of conditions, never SQL: the
// store compiles it with every value bound.
package search

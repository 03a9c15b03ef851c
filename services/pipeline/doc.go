// Package pipeline reads the delivery document of a model: it knows its
// grammar (document.go, from which the schema is made), says where a document
// is wrong and what is allowed there, and keeps its revisions. It runs nothing.
package pipeline

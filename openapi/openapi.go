// Package openapi holds the contract of Slipway's own API. slipway.yaml is
// written by hand; the packages server and client are generated from it by
// `make generate` and never edited.
package openapi

import _ "embed"

//go:embed slipway.yaml
var document []byte

// Document gives slipway.yaml.
func Document() []byte { return document }

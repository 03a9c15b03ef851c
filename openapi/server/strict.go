// Package server is the generated edge of Slipway's own API, and what the
// generator cannot write.
package server

import (
	"bytes"
	"encoding/json"
)

// UnmarshalJSON refuses fields that the document does not know. A manifest is
// too large to be held against the document in memory, as other bodies are.
func (d *DatasetVersionCreate) UnmarshalJSON(text []byte) error {
	type plain DatasetVersionCreate
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode((*plain)(d))
}

package search

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"

	"github.com/slipway-ml/slipway/models"
)

// page is what a token holds: where the page before ended. An offset alone is
// what MLflow's tokens hold; it is taken, but never given.
type page struct {
	After  models.Position `json:"after,omitempty"`
	Offset *int            `json:"offset,omitempty"`
	Of     string          `json:"of,omitempty"`
}

// Token makes the page token that leads on from a position in a search; of
// names the search, so that the next call must ask for the same one. It is ""
// at the end.
func Token(next models.Position, of string) string {
	if next == nil {
		return ""
	}
	text, _ := json.Marshal(page{After: next, Of: of})
	return base64.StdEncoding.EncodeToString(text)
}

// Begin makes a search begin where a page token says; "" is the beginning.
func Begin(q *models.Search, token, of string) error {
	if token == "" {
		return nil
	}
	var p page
	text, err := base64.StdEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || (p.After == nil) == (p.Offset == nil) || (p.Offset != nil && (*p.Offset < 0 || *p.Offset > maxOffset)) {
		return models.Errorf(models.KindInvalid, "Invalid page token '%.100s': give back the next_page_token of the answer before, as it stands", token)
	}
	if p.Of != of && (p.After != nil || p.Of != "") {
		return models.Errorf(models.KindInvalid, "Invalid page token: it belongs to a search with another filter, order or set of experiments")
	}
	if q.After = p.After; p.Offset != nil {
		q.Offset = *p.Offset
	}
	return nil
}

// maxOffset bounds how far a token may lead.
const maxOffset = 1 << 31

// Name is a short name of what a search asks for.
func Name(asked any) string {
	text, _ := json.Marshal(asked)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:4])
}

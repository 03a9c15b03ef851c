package search

import (
	"encoding/base64"
	"encoding/json"

	"github.com/slipway-ml/slipway/models"
)

// page is what a token holds.
type page struct {
	Offset *int   `json:"offset"`
	Of     string `json:"of,omitempty"`
}

// Token makes the page token that leads to offset of a search; of names the
// search where the next call must ask for the same one.
func Token(offset int, of string) string {
	text, _ := json.Marshal(page{Offset: &offset, Of: of})
	return base64.StdEncoding.EncodeToString(text)
}

// Offset reads a page token; "" is the beginning.
func Offset(token, of string) (int, error) {
	if token == "" {
		return 0, nil
	}
	var p page
	text, err := base64.StdEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	switch {
	case err != nil || p.Offset == nil || *p.Offset < 0:
		return 0, models.Errorf(models.KindInvalid, "Invalid page token '%.100s': give back the next_page_token of the answer before, as it stands", token)
	case p.Of != of:
		return 0, models.Errorf(models.KindInvalid, "Invalid page token: it belongs to a search with another filter, order or set of experiments")
	}
	return *p.Offset, nil
}

package search

import (
	"encoding/base64"
	"encoding/json"

	"github.com/slipway-ml/slipway/models"
)

// Token makes the page token that leads to offset.
func Token(offset int) string {
	text, _ := json.Marshal(page{Offset: &offset})
	return base64.StdEncoding.EncodeToString(text)
}

type page struct {
	Offset *int `json:"offset"`
}

// Offset reads a page token; "" is the beginning.
func Offset(token string) (int, error) {
	if token == "" {
		return 0, nil
	}
	var p page
	text, err := base64.StdEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.Offset == nil || *p.Offset < 0 {
		return 0, models.Errorf(models.KindInvalid, "Invalid page token '%.100s': give back the next_page_token of the answer before, as it stands", token)
	}
	return *p.Offset, nil
}

package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// refuseNUL refuses a JSON body with a NUL in one of its texts, which Postgres
// cannot keep and SQLite can, and puts the body back.
func refuseNUL(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if !bytes.Contains(body, []byte(`\u0000`)) {
		return nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return invalid(models.Detail{Field: "body", Message: err.Error()})
	}
	if field := fieldWithNUL("", value); field != "" {
		return invalid(models.Detail{Field: field, Message: "a NUL character cannot be stored; remove it"})
	}
	return nil
}

// fieldWithNUL names the field whose text, or name, has a NUL; "" for none.
func fieldWithNUL(at string, value any) string {
	switch v := value.(type) {
	case string:
		if strings.ContainsRune(v, 0) {
			return at
		}
	case []any:
		for i, item := range v {
			if field := fieldWithNUL(fmt.Sprintf("%s[%d]", at, i), item); field != "" {
				return field
			}
		}
	case map[string]any:
		for name, item := range v {
			if field := fieldWithNUL(strings.TrimPrefix(at+"."+name, "."), item); field != "" {
				return field
			}
		}
	}
	return ""
}

package v1

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
)

// defaultPage is how many items a list has where the caller does not say.
const defaultPage = 100

// pageSize reads max_results.
func pageSize(maxResults int) int {
	if maxResults == 0 {
		return defaultPage
	}
	return maxResults
}

// pageAfter reads a page_token that pageToken made: the key of the last item of
// the page before, 0 for the first page.
func pageAfter(token string) (int64, error) {
	if token == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		if key, err := strconv.ParseInt(string(raw), 10, 64); err == nil && key > 0 {
			return key, nil
		}
	}
	return 0, invalid(models.Detail{Field: "page_token", Message: "is not one that this list gave: take next_page_token of the page before as it is"})
}

// pageToken makes the token after a page whose last item has this key; "" where
// the page is not full, so that nothing can follow.
func pageToken(items, size int, lastKey int64) string {
	if items < size {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(strconv.AppendInt(nil, lastKey, 10))
}

// list makes a nil list an empty one: JSON has [] for it, not null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// pageAfterName and namePageToken are the same for lists in the order of names.
func pageAfterName(token string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || !utf8.Valid(raw) {
		return "", invalid(models.Detail{Field: "page_token", Message: "is not one that this list gave: take next_page_token of the page before as it is"})
	}
	return string(raw), nil
}

func namePageToken(items, size int, last string) string {
	if items < size {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(last))
}

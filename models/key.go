package models

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"
)

var keyForm = regexp.MustCompile(`^[/\p{L}\p{N}_.\- :]*$`)

// CheckKey tells whether the key of a metric, param or tag is one that
// MLflow's clients could also use as a file's name; field is what to call it.
func CheckKey(field, key string, limit int) error {
	if !keyForm.MatchString(key) {
		return InvalidValue(field, key, "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).")
	}
	if clean := path.Clean(key); clean != key || clean == "." || strings.HasPrefix(clean, "..") || strings.HasPrefix(clean, "/") {
		return InvalidValue(field, key, "Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '"+clean+"'")
	}
	return CheckLength(field, key, limit)
}

// CheckLength refuses a text of more characters than limit.
func CheckLength(field, text string, limit int) error {
	if n := utf8.RuneCountInString(text); n > limit {
		return Errorf(KindInvalid, "'%s' exceeds the maximum length of %d characters: it has %d", field, limit, n)
	}
	return nil
}

// InvalidValue names a parameter, shows its value and says what is wrong, in
// the words that MLflow's clients match.
func InvalidValue(field string, value any, reason string) *Error {
	shown, err := json.Marshal(value)
	if err != nil {
		shown = []byte("?")
	}
	const most = 200
	if text := string(shown); len(text) > most {
		shown = []byte(strings.ToValidUTF8(text[:most], "") + "…")
	}
	return Errorf(KindInvalid, "Invalid value %s for parameter '%s' supplied: %s", shown, field, reason)
}

package table

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
)

// missingWords stand for a missing value in a column of anything but text. In a
// column of text they are text: NA is also Namibia.
var missingWords = []string{"NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "<NA>"}

// Missing tells whether a cell of a CSV file has no value; word tells that it
// is one that stands for that.
func missing(field string) (is, word bool) {
	if field == "" {
		return true, false
	}
	if len(field) > 4 || !slices.Contains(missingWords, field) {
		return false, false
	}
	return true, true
}

// kinds are the types that all values of a column seen so far can have.
type kinds struct {
	seen, words                        int64
	notInt, notFloat, notBool, notTime bool
}

func (k *kinds) add(field string) {
	is, word := missing(field)
	if is {
		if word {
			k.words++
		}
		return
	}
	k.seen++
	if !k.notInt {
		_, ok := parseInt(field)
		k.notInt = !ok
	}
	if !k.notFloat && k.notInt {
		_, ok := parseFloat(field)
		k.notFloat = !ok
	}
	if !k.notBool {
		_, ok := parseBool(field)
		k.notBool = !ok
	}
	if !k.notTime {
		_, ok := parseTime(field)
		k.notTime = !ok
	}
}

// merge adds what another file's column of this name holds.
func (k *kinds) merge(other kinds) {
	k.seen, k.words = k.seen+other.seen, k.words+other.words
	k.notInt, k.notFloat = k.notInt || other.notInt, k.notFloat || other.notFloat
	k.notBool, k.notTime = k.notBool || other.notBool, k.notTime || other.notTime
}

// kind is the narrowest of the types.
func (k *kinds) kind() models.ColumnType {
	switch {
	case k.seen == 0:
		return models.ColumnFloat // as pandas does with a column of nothing
	case !k.notInt:
		return models.ColumnInt
	case !k.notFloat:
		return models.ColumnFloat
	case !k.notBool:
		return models.ColumnBool
	case !k.notTime:
		return models.ColumnTime
	}
	return models.ColumnText
}

// parse reads a cell; nil for a missing value.
func parse(kind models.ColumnType, field string) (value any, ok bool) {
	is, word := missing(field)
	if is && (!word || kind != models.ColumnText) {
		return nil, true
	}
	switch kind {
	case models.ColumnInt:
		return boxed(parseInt(field))
	case models.ColumnFloat:
		return boxed(parseFloat(field))
	case models.ColumnBool:
		return boxed(parseBool(field))
	case models.ColumnTime:
		return boxed(parseTime(field))
	case models.ColumnText, models.ColumnNested:
		return strings.Clone(field), true
	}
	return nil, false
}

func boxed[T any](v T, ok bool) (any, bool) { return v, ok }

// parseInt reads a whole number. One with leading zeros is a code, not a
// number.
func parseInt(s string) (int64, bool) {
	digits := strings.TrimLeft(s, "+-")
	if len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	v, err := strconv.ParseInt(s, 10, 64)
	return v, err == nil
}

// parseFloat reads a number in decimal. A whole number too large for an int64,
// or with leading zeros, is a code.
func parseFloat(s string) (float64, bool) {
	if strings.ContainsAny(s, "xXpP_") || s == "" {
		return 0, false
	}
	digits := strings.TrimLeft(s, "+-")
	if !strings.ContainsAny(digits, ".eEnN") {
		v, ok := parseInt(s)
		return float64(v), ok
	}
	if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && !math.IsNaN(v)
}

func parseBool(s string) (value, ok bool) {
	switch s {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

var layouts = []string{time.DateOnly, time.DateTime, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00"}

// parseTime reads a date or a time by ISO 8601; without a zone it is UTC.
func parseTime(s string) (time.Time, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return time.Time{}, false
	}
	for _, layout := range layouts {
		if v, err := time.Parse(layout, s); err == nil {
			return v.UTC(), true
		}
	}
	return time.Time{}, false
}

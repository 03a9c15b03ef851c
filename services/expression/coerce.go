package expression

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// truth tells whether a value counts as true: all but null, false, zero, not a
// number and the empty text.
func truth(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0 && !math.IsNaN(v)
	case string:
		return v != ""
	}
	return true
}

// equal compares loosely, as GitHub does: texts ignore case, and values of two
// kinds are compared as numbers. A list or an object equals nothing.
func equal(a, b any) bool {
	if one, ok := a.(string); ok {
		if other, ok := b.(string); ok {
			return strings.EqualFold(one, other)
		}
	}
	if a == nil && b == nil {
		return true
	}
	return number(a) == number(b)
}

func less(a, b any) bool {
	if one, ok := a.(string); ok {
		if other, ok := b.(string); ok {
			return strings.ToUpper(one) < strings.ToUpper(other)
		}
	}
	return number(a) < number(b)
}

// number is a value as a number; NaN where it is none.
func number(value any) float64 {
	switch v := value.(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		return v
	case string:
		return parsed(strings.TrimSpace(v))
	}
	return math.NaN()
}

func parsed(text string) float64 {
	if text == "" {
		return 0
	}
	for prefix, base := range map[string]int{"0x": 16, "0o": 8} {
		if digits, ok := strings.CutPrefix(text, prefix); ok {
			n, err := strconv.ParseUint(digits, base, 32)
			if err != nil {
				return math.NaN()
			}
			return float64(n)
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.ContainsAny(text, "xXpP_") {
		return math.NaN()
	}
	return n
}

var errNoText = errors.New("is a list or an object, not a text: name a part of it, or use join() or toJSON()")

// textOf is a value as a text; null is empty.
func textOf(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return strconv.FormatFloat(v, 'f', -1, 64), nil
		}
		return strconv.FormatFloat(v, 'g', 15, 64), nil
	case string:
		return v, nil
	}
	return "", errNoText
}

func listOf(value any) ([]any, bool) {
	switch v := value.(type) {
	case []any:
		return v, true
	case starred:
		return v, true
	}
	return nil, false
}

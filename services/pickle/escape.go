package pickle

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// unquote reads what STRING holds: a Python literal with its quotes.
func unquote(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != s[len(s)-1] || (s[0] != '\'' && s[0] != '"') {
		return "", false
	}
	return unescape(s[1:len(s)-1], "'\"\\abfnrtv\nx01234567"), true
}

var escapes = map[byte]byte{'a': 7, 'b': 8, 'f': 12, 'n': 10, 'r': 13, 't': 9, 'v': 11}

// unescape resolves the backslash escapes that begin with one of the given
// signs, and leaves the others as they are.
func unescape(s, signs string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) || !strings.ContainsRune(signs, rune(s[i+1])) {
			out.WriteByte(s[i])
			continue
		}
		i++
		digits, base := 0, 16
		switch c := s[i]; {
		case c == '\n':
			continue
		case c == 'x':
			digits = 2
		case c == 'u':
			digits = 4
		case c == 'U':
			digits = 8
		case c >= '0' && c <= '7':
			i, digits, base = i-1, 3, 8
			for n := 1; n < 3; n++ {
				if i+1+n >= len(s) || s[i+1+n] < '0' || s[i+1+n] > '7' {
					digits = n
					break
				}
			}
		default:
			if e, ok := escapes[c]; ok {
				c = e
			}
			out.WriteByte(c)
			continue
		}
		n, err := strconv.ParseUint(s[i+1:min(i+1+digits, len(s))], base, 32)
		if err != nil || i+1+digits > len(s) {
			out.WriteByte('\\')
			i--
			if base == 16 {
				i++
				out.WriteByte(s[i])
			}
			continue
		}
		if r := rune(n); utf8.ValidRune(r) {
			out.WriteRune(r)
		} else {
			out.WriteRune(utf8.RuneError)
		}
		i += digits
	}
	return out.String()
}

// latin makes text of bytes, each a letter.
func latin(s string) string {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			letters := make([]rune, len(s))
			for j := range len(s) {
				letters[j] = rune(s[j])
			}
			return string(letters)
		}
	}
	return s
}

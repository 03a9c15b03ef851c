package mask

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
)

// columns are where tools break the lines of base64: openssl, and base64.
var columns = []int{64, 76}

// bases are the base64 forms: padded, broken into lines, and at each of the
// three places at which a text can stand in a longer one that is encoded.
func bases(text string) (all []string) {
	for before := range 3 {
		// A character is 6 bits: those that only the text decides are the ones
		// after what stands before it, up to the last whole one.
		code := base64.StdEncoding.EncodeToString(append(make([]byte, before), text...))
		first, last := (8*before+5)/6, 8*(before+len(text))/6
		all = append(all, code[first:last])
		if before > 0 {
			continue
		}
		all = append(all, code, strings.TrimRight(code, "="))
		for _, width := range columns {
			for at := 0; at < len(code) && len(code) > width; at += width {
				all = append(all, code[at:min(at+width, len(code))])
			}
		}
	}
	for _, code := range all {
		if inURL := strings.NewReplacer("+", "-", "/", "_").Replace(code); inURL != code {
			all = append(all, inURL)
		}
	}
	return all
}

// urls are the forms in a URL: those of queries, paths and forms, in Go, Python
// and JavaScript, which differ in what they leave.
func urls(text string) (all []string) {
	query := url.QueryEscape(text) // all but letters, digits and -_.~
	strict := strings.ReplaceAll(query, "+", "%20")
	all = []string{query, strict, url.PathEscape(text), leave(strict, "/"), leave(strict, "!'()*"), leave(strict, ";,/?:@&=+$!*'()#")}
	for _, form := range all {
		if lower := lowerHex(form); lower != form {
			all = append(all, lower)
		}
	}
	return all
}

// leave undoes the percent-encoding of some characters.
func leave(encoded, plain string) string {
	for _, c := range plain {
		encoded = strings.ReplaceAll(encoded, fmt.Sprintf("%%%02X", c), string(c))
	}
	return encoded
}

// lowerHex is %2f for %2F.
func lowerHex(encoded string) string {
	out := []byte(encoded)
	for i := 0; i+2 < len(out); i++ {
		if out[i] == '%' {
			copy(out[i+1:i+3], strings.ToLower(string(out[i+1:i+3])))
		}
	}
	return string(out)
}

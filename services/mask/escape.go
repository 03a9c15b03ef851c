package mask

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// dialect is how a language writes what does not stand for itself.
type dialect struct {
	backslashed       string // a backslash before it
	controls, letters string // a backslash and the letter in the same place
	coded             string // its number, as other control characters
	code              string // the form of a number; "" leaves it as it is
}

func (d dialect) write(text string) string {
	var out strings.Builder
	for _, r := range text {
		letter := strings.IndexRune(d.controls, r)
		switch {
		case letter >= 0:
			out.WriteString(`\` + d.letters[letter:letter+1])
		case strings.ContainsRune(d.backslashed, r):
			out.WriteString(`\` + string(r))
		case d.code != "" && (r < 0x20 || strings.ContainsRune(d.coded, r)):
			fmt.Fprintf(&out, d.code, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

var (
	inJSON = dialect{`"\`, "\n\r\t\b\f", "nrtbf", "", `\u%04x`}
	// inGo is Go's JSON, which may stand in HTML.
	inGo   = dialect{`"\`, "\n\r\t\b\f", "nrtbf", "<>&\u2028\u2029", `\u%04x`}
	inBash = dialect{`\'`, "\a\b\x1b\f\n\r\t\v", "abEfnrtv", "\x7f", `\%03o`}
)

// inRepr is Python's repr, which Go's %q and others are like.
func inRepr(backslashed string) dialect {
	return dialect{backslashed, "\n\r\t", "nrt", "\x7f", `\x%02x`}
}

// before puts a backslash before some characters, and that is all.
func before(special string) dialect { return dialect{backslashed: special} }

// jsons are the forms in a JSON text, and in one that stands in another.
func jsons(text string) []string {
	plain := inJSON.write(text)
	return []string{plain, inGo.write(text), ascii(plain), strings.ReplaceAll(plain, "/", `\/`), inJSON.write(plain)}
}

// ascii is JSON as Python writes it.
func ascii(plain string) string {
	var out strings.Builder
	for _, r := range plain {
		switch {
		case r < 0x80:
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}

// markups are the forms in XML and HTML, which differ in how they write quotes
// and ends of lines.
func markups(text string) (all []string) {
	base := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
	for _, quotes := range [][]string{
		{},
		{`"`, "&quot;"},
		{`"`, "&quot;", "'", "&#x27;"},
		{`"`, "&quot;", "'", "&#39;"},
		{`"`, "&quot;", "'", "&apos;"},
		{`"`, "&#34;", "'", "&#39;"},
	} {
		quoted := strings.NewReplacer(quotes...).Replace(base)
		all = append(all, quoted,
			strings.NewReplacer("\n", "&#10;", "\r", "&#13;", "\t", "&#9;").Replace(quoted),
			strings.NewReplacer("\n", "&#10;", "\r", "&#13;", "\t", "&#09;").Replace(quoted), // Python's ElementTree
			strings.NewReplacer("\n", "&#xA;", "\r", "&#xD;", "\t", "&#x9;").Replace(quoted))
	}
	return all
}

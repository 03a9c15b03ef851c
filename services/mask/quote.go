package mask

import (
	"fmt"
	"regexp"
	"strings"
)

// inWord is what bash's printf %q writes a backslash before.
const inWord = " \t'\"\\|&;()<>!{}*[]?^$`,"

// quotes are the forms inside the quotes of shells and programming languages,
// without the quotes themselves.
func quotes(text string) []string {
	bare, quoted := inRepr(`\`).write(text), inRepr(`\'`).write(text)
	return []string{
		strings.ReplaceAll(text, "'", `'\''`),        // bash -x, and by hand
		strings.ReplaceAll(text, "'", `'"'"'`),       // Python's shlex
		apostrophes.ReplaceAllString(text, `'"$0"'`), // dash -x
		before(`"\$` + "`").write(text),              // "…"
		before(`"\$` + "`!").write(text),             // "…" where ! has a meaning
		before(inWord).write(text), before(inWord + "~#").write(text),
		inBash.write(text), octets(inBash.write(text), `\%03o`), // $'…', also where letters are ASCII only
		bare, quoted, inRepr(`\"`).write(text),
		unlettered(bare), unlettered(quoted), octets(bare, `\x%02x`), octets(quoted, `\x%02x`), // Python's ascii, and of bytes
		strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(text),
		strings.ReplaceAll(text, "\n", "\r\n"), // a terminal's
	}
}

var apostrophes = regexp.MustCompile("'+")

// octets writes what is not ASCII byte by byte.
func octets(text, code string) string {
	var out strings.Builder
	for _, b := range []byte(text) {
		if b < 0x80 {
			out.WriteByte(b)
		} else {
			fmt.Fprintf(&out, code, b)
		}
	}
	return out.String()
}

// unlettered writes what is not ASCII as Python's ascii does.
func unlettered(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case r < 0x80:
			out.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&out, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			fmt.Fprintf(&out, `\U%08x`, r)
		}
	}
	return out.String()
}

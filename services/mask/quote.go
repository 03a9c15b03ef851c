package mask

import (
	"regexp"
	"strings"
)

// inWord is what bash's printf %q writes a backslash before.
const inWord = " \t'\"\\|&;()<>!{}*[]?^$`,"

// quotes are the forms inside the quotes of shells and programming languages,
// without the quotes themselves.
func quotes(text string) []string {
	return []string{
		strings.ReplaceAll(text, "'", `'\''`),        // bash -x, and by hand
		strings.ReplaceAll(text, "'", `'"'"'`),       // Python's shlex
		apostrophes.ReplaceAllString(text, `'"$0"'`), // dash -x
		before(`"\$` + "`").write(text),              // "…"
		before(`"\$` + "`!").write(text),             // "…" where ! has a meaning
		before(inWord).write(text), before(inWord + "~#").write(text),
		inBash.write(text), // $'…'
		inRepr(`\`).write(text), inRepr(`\'`).write(text), inRepr(`\"`).write(text),
		strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(text),
		strings.ReplaceAll(text, "\n", "\r\n"), // a terminal's
	}
}

var apostrophes = regexp.MustCompile("'+")

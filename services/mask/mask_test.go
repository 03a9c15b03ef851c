package mask_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/mask"
	"github.com/slipway-ml/slipway/tests/testbed"
)

const awkward = `foo'bar%"$x <&> /é\` + "`!"

func run(t *testing.T, stdin, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// TestFormsOfPython masks what Python's own libraries make of a secret.
func TestFormsOfPython(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"plain-password", awkward, "Schlüssel € 🔑 l'été", "first line\nsecond 'line'\n\tthird \"line\"", "{\"user\": \"somebody\", \"password\": \"it's a \\u00e9\"}", "''quotes''"} {
		m := mask.New(secret)
		for entry := range strings.SplitSeq(strings.TrimSuffix(run(t, secret, testbed.Python(t), "testdata/forms.py"), "\n"), "\n") {
			name, form, whole := strings.Cut(entry, "|")
			if !whole { // a further line of a form that has several
				name, form = "line", entry
			}
			require.Regexp(t, `^["'\s\\]*\*\*\*["'\s\\]*$`, m.Text(form), "%s of %q", name, secret)
		}
	}
}

// TestFormsOfShells masks what shells print of a command with a secret.
func TestFormsOfShells(t *testing.T) {
	t.Parallel()
	bash := testbed.Program(t, "bash")
	for _, secret := range []string{awkward, "don''t tell", "tab\tand bell\a", "two words", "first line\nsecond 'line'", "~home#{x}", "clé secrète"} {
		m := mask.New(secret)
		for name, out := range map[string]string{
			"bash -x":        run(t, "", bash, "-c", `set -x; : "$1"`, "bash", secret),
			"bash -x inside": run(t, "", bash, "-c", `set -x; : "token=$1"`, "bash", secret),
			"sh -x":          run(t, "", testbed.Program(t, "sh"), "-c", `set -x; : "$1"`, "sh", secret),
			"printf %q":      run(t, "", bash, "-c", `printf '%q\n' "$1"`, "bash", secret),
			"printf in C":    run(t, "", bash, "-c", `LC_ALL=C; printf '%q\n' "$1"`, "bash", secret),
			"printf inside":  run(t, "", bash, "-c", `printf '%q\n' "token=$1"`, "bash", secret),
			"declare -p":     run(t, "", bash, "-c", `x=$1; declare -p x`, "bash", secret),
			"set":            run(t, "", bash, "-c", `x=$1; set | grep -a -A2 ^x=`, "bash", secret),
			"base64":         run(t, secret, bash, "-c", `base64`),
		} {
			masked := m.Text(out)
			require.Contains(t, masked, mask.Replacement, "%s of %q: %s", name, secret, masked)
			for word := range strings.FieldsFuncSeq(secret, func(r rune) bool { return r < 'a' || r > 'z' }) {
				require.True(t, len(word) < 4 || !strings.Contains(masked, word), "%s of %q: %s", name, secret, masked)
			}
		}
	}
}

func TestFormsOfGo(t *testing.T) {
	t.Parallel()
	m := mask.New(awkward)
	inJSON, err := json.Marshal(awkward)
	require.NoError(t, err)
	var inXML bytes.Buffer
	require.NoError(t, xml.EscapeText(&inXML, []byte(awkward)))
	for name, form := range map[string]string{
		"query": url.QueryEscape(awkward), "path": url.PathEscape(awkward), "JSON": strings.Trim(string(inJSON), `"`), "%q": strings.Trim(strconv.Quote(awkward), `"`),
		"XML": inXML.String(), "raw url base64": base64.RawURLEncoding.EncodeToString([]byte(awkward)),
	} {
		require.Equal(t, mask.Replacement, m.Text(form), name)
	}
}

// TestInsideALongerBase64 is a secret in basic authentication, wherever it
// stands there: at most a character at each end, which it shares, is left.
func TestInsideALongerBase64(t *testing.T) {
	t.Parallel()
	m := mask.New("s3cr3t-pass")
	for before := range 7 {
		for after := range 4 {
			text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("u", before) + "s3cr3t-pass" + strings.Repeat("v", after)))
			masked := m.Text(text)
			require.Contains(t, masked, mask.Replacement, "%d %d: %s", before, after, text)
			require.LessOrEqual(t, len(masked)-len(mask.Replacement), (before+after)*4/3+6, "%s: %s", text, masked)
		}
	}
	long := strings.Repeat("0123456789 abcdefghij ", 20)
	for _, width := range []string{"64", "76"} {
		require.Regexp(t, `^(\*\*\*\n)+\n$`, mask.New(long).Text(run(t, long, testbed.Program(t, "base64"), "-w", width)+"\n"), width)
	}
}

func TestLinesAndLeaves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ secret, text, masked string }{
		"each line of 4 or more":     {"abc\n  indented\r\nabcd\n", "abc indented abcd", "abc *** ***"},
		"with \\n in it":             {"first\nsecond", `x=first\nsecond;`, "x=***;"},
		"an empty line is nothing":   {"abcdefgh\n\n    \nijklmnop", "a     b\n\n", "a     b\n\n"},
		"values of JSON":             {`{"user":"bob","key":"abcdefgh","list":["ijklmnop",123456789,true]}`, "bob abcdefgh ijklmnop 123456789 true", "bob *** *** *** true"},
		"values of KEY=VALUE":        {"# both\nUSER=bob\nexport KEY=\"abcd efgh\"\nTOKEN = ijklmnop", "bob abcd efgh ijklmnop", "bob *** ***"},
		"a line that is none":        {"KEY=abcdefgh\nhello there", "abcdefgh", "abcdefgh"},
		"too short":                  {"abc", "abc", "abc"},
		"four characters":            {"éééé", "<éééé>", "<***>"},
		"what is not there":          {"abcdefgh", "abcdefg bcdefgh", "abcdefg bcdefgh"},
		"a URL's parts":              {"p@ss w/rd", "https://u:p%40ss%20w%2Frd@h/?q=p%40ss+w%2Frd&r=p%40ss%20w/rd", "https://u:***@h/?q=***&r=***"},
		"one that begins as another": {"abcdabce", "abcdabcdabce", "abcd***"},
	} {
		require.Equal(t, c.masked, mask.New(c.secret).Text(c.text), name)
	}
}

func TestNothingToMask(t *testing.T) {
	t.Parallel()
	for _, m := range []*mask.Mask{nil, mask.New(), mask.New("", "abc")} {
		require.Equal(t, "abc", m.Text("abc"))
		var out bytes.Buffer
		w := m.Writer(&out)
		_, err := w.Write([]byte("abc"))
		require.NoError(t, err)
		require.Equal(t, "abc", out.String())
		require.NoError(t, w.Close())
	}
}

func TestOnlyWhatMayBeASecretIsHeldBack(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := mask.New("password-one").Writer(&out)
	for _, step := range []struct{ write, wrote string }{
		{"the p", "the "},
		{"asswor", "the "},
		{"k", "the passwork"},
		{" password-on", "the passwork "},
		{"e!", "the passwork ***!"},
		{"pass", "the passwork ***!"},
	} {
		_, err := w.Write([]byte(step.write))
		require.NoError(t, err)
		require.Equal(t, step.wrote, out.String())
	}
	require.NoError(t, w.Close())
	require.Equal(t, "the passwork ***!pass", out.String())
}

// TestAnyText compares with the plainest way to do it, on texts where secrets
// overlap, begin and contain each other, written in pieces of any size.
func TestAnyText(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab"[r.IntN(2)]
		}
		return string(b)
	}
	for range 3000 {
		secrets := make([]string, 1+r.IntN(4))
		for i := range secrets {
			secrets[i] = word(4 + r.IntN(20))
		}
		text := word(r.IntN(80))
		for range r.IntN(3) {
			text += secrets[r.IntN(len(secrets))] + word(r.IntN(4))
		}
		want := plainly(text, secrets)
		m := mask.New(secrets...)
		require.Equal(t, want, m.Text(text), "seed %d: %q in %q", seed, secrets, text)
		var out strings.Builder
		w := m.Writer(&out)
		for rest := text; rest != ""; {
			n := 1 + r.IntN(min(len(rest), 9))
			_, err := w.Write([]byte(rest[:n]))
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.NoError(t, w.Close())
		require.Equal(t, want, out.String(), "seed %d: %q in pieces of %q", seed, secrets, text)
	}
}

// plainly masks by looking for each secret at each place.
func plainly(text string, secrets []string) string {
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var out strings.Builder
	end := 0
	for at := range len(text) {
		for _, s := range secrets {
			if !strings.HasPrefix(text[at:], s) {
				continue
			}
			if at >= end {
				out.WriteString(mask.Replacement)
			}
			end = max(end, at+len(s))
			break
		}
		if at >= end {
			out.WriteByte(text[at])
		}
	}
	return out.String()
}

func TestALargeSecretInALargeText(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("0123456789abcdef", 4096)
	text := strings.Repeat("x0123456789abcde", 10_000)
	var out strings.Builder
	w := mask.New(secret).Writer(&out)
	for _, part := range []string{text, secret[:100], secret[100:40_000], secret[40_000:], text, secret[:len(secret)-1], "!"} {
		_, err := fmt.Fprint(w, part)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.Equal(t, text+mask.Replacement+text+secret[:len(secret)-1]+"!", out.String())
}

func TestEveryByteMayStandInASecret(t *testing.T) {
	t.Parallel()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	var values []string
	for i := 0; i < 256; i += 8 {
		values = append(values, string(all[i:i+8]))
	}
	m := mask.New(values...)
	require.Regexp(t, regexp.MustCompile(`^x(\*\*\*)+y$`), m.Text("x"+string(all)+"y"))
}

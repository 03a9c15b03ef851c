package expression_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/expression"
)

func values() expression.Values {
	return expression.Values{
		Contexts: expression.Object{
			"vars":    expression.Object{"DIR": "code/tests", "EMPTY": ""},
			"secrets": expression.Object{"KEY": "s3cret"},
			"matrix":  expression.Object{"python": "3.10"},
			"version": expression.Object{
				"number": 3.0, "aliases": []any{"Champion", "next"}, "tags": expression.Object{"stage": "candidate", "a.b": "dot"},
			},
			"items": []any{expression.Object{"n": 1.0}, expression.Object{"n": 2.0}, expression.Object{"m": 3.0}},
			"none":  nil,
		},
		Strict: []string{"vars", "secrets"}, Success: true,
	}
}

func TestExpressionsAreWhatGitHubSays(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"plain":                                             "plain",
		"a ${{ vars.DIR }}/b ${{ VARS.dir }}":               "a code/tests/b code/tests",
		"${{ 'it''s' }}":                                    "it's",
		"${{ '}}' }}":                                       "}}",
		"${{ 0xff }} ${{ -1.5e2 }} ${{ 3.0 }}":              "255 -150 3",
		"${{ true }} ${{ null }}.":                          "true .",
		"${{ !true || 'x' }}":                               "x",
		"${{ 1 && 'yes' || 'no' }}":                         "yes",
		"${{ 'ABC' == 'abc' }}":                             "true",
		"${{ 'b' > 'A' }}":                                  "true",
		"${{ '1' == 1 }} ${{ true == 1 }}":                  "true true",
		"${{ '' == 0 }} ${{ null == '' }}":                  "true true",
		"${{ 'a' == 1 }} ${{ 'a' < 1 }}":                    "false false",
		"${{ '0x10' == 16 }}":                               "true",
		"${{ items == items }}":                             "false",
		"${{ (1 < 2) == true }}":                            "true",
		"${{ 2 >= 2 && 3 != 4 }}":                           "true",
		"${{ version.tags['stage'] }}":                      "candidate",
		"${{ version.tags['a.b'] }}":                        "dot",
		"${{ version.aliases[0] }}":                         "Champion",
		"${{ version.tags[matrix.python] || 1}}":            "1",
		"${{ contains('Hello', 'LL') }}":                    "true",
		"${{ contains(version.aliases, 'champion') }}":      "true",
		"${{ startsWith('Hello', 'he') }}":                  "true",
		"${{ endsWith(version.number, 3) }}":                "true",
		"${{ format('{0} {{{1}}}', 'a', version.number)}}":  "a {3}",
		"${{ join(version.aliases) }}":                      "Champion,next",
		"${{ join(items.*.n, '-') }}":                       "1-2",
		"${{ toJSON(version.aliases) }}":                    "[\n  \"Champion\",\n  \"next\"\n]",
		"${{ fromJSON('{\"a\": [1, 2]}').a[1] }}":           "2",
		"${{ version.tags.missing || 'instead' }}":          "instead",
		"${{ version.tags.missing && 1 || 'instead' }}":     "instead",
		"${{ vars.EMPTY || 'instead' }}":                    "instead",
		"${{ success() }} ${{ failure() }} ${{ ALWAYS() }}": "true false true",
	}
	for text, want := range tests {
		parsed, err := expression.Parse(text)
		require.NoError(t, err, text)
		got, err := parsed.Text(values())
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestWhatIsNotThereIsAnError(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"${{ vars.NONE }}":            "there is no vars.NONE",
		"${{ vars.NONE || 'x' }}":     "there is no vars.NONE",
		"${{ secrets.NONE || 'x' }}":  "there is no secrets.NONE",
		"${{ version.tags.x }}":       "there is no version.tags.x",
		"${{ version.tags.x == '' }}": "there is no version.tags.x",
		"${{ version.aliases[7] }}":   "there is no version.aliases[7]",
		"${{ fromJSON('{}').a }}":     "there is no fromJSON().a",
		"${{ fromJSON('s3cret') }}":   "fromJSON(): this is not JSON",
		"${{ version.tags }}":         "version.tags is a list or an object, not a text",
		"${{ format('{1}', 'a') }}":   `has no value at 0`,
		"${{ format('{', 'a') }}":     `has no value at 0`,
		"${{ format('}', 'a') }}":     "a } without its {",
	} {
		parsed, err := expression.Parse(text)
		require.NoError(t, err, text)
		_, err = parsed.Text(values())
		require.ErrorContains(t, err, want, text)
	}
}

func TestConditionsAreBareOrWhole(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"true": true, " ${{ false }} ": false, "version.number > 2": true, "!success()": false, "failure() || 'x'": true, "''": false,
	} {
		condition, err := expression.Condition(text)
		require.NoError(t, err, text)
		got, err := condition.Holds(values())
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"${{ true }} && false": "put all of it in one ${{ }}",
		"true }} x":            "}} closes nothing here",
		"":                     "does not parse",
	} {
		_, err := expression.Condition(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestWhatDoesNotParseIsToldAtItsPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		at      int
		message string
	}{
		"ab ${{ vars.X":   {3, "${{ is not closed"},
		"ab ${{ vars. }}": {13, "does not parse"},
		"${{ 1 + 2 }}":    {6, "does not parse: got unexpected character '+'"},
		"${{ }}":          {4, "nothing stands between"},
		"${{ \"x\" }}":    {4, "text stands in single quotes"},
		"${{ a b }}":      {6, "does not parse"},
		"${{ 'x }}":       {9, "does not parse"},
		"${{ " + strings.Repeat("(", 1<<20) + "}}": {3, "an expression has at most 4096 bytes"},
	} {
		_, err := expression.Parse(text)
		var broken *expression.Error
		require.ErrorAs(t, err, &broken, text)
		require.Contains(t, broken.Message, want.message)
		require.Equal(t, want.at, broken.Offset, text)
	}
}

func TestNamesAreCheckedBeforeTheyAreUsed(t *testing.T) {
	t.Parallel()
	root := expression.Shape{Names: map[string]expression.Shape{
		"vars":    {Names: map[string]expression.Shape{"DIR": {}}, Spread: true},
		"secrets": {Refused: "not here"},
		"version": {Names: map[string]expression.Shape{"number": {}, "tags": {Any: &expression.Shape{}}, "aliases": *expression.Anything()}},
	}}
	for text, want := range map[string]string{
		"${{ vars.dir }} ${{ version.tags.x || version.aliases[0].y }} ${{ toJSON(version.tags) }}": "",
		"${{ fromJSON('{}').a.b[vars.DIR] }}":                                                       "",
		"x ${{ vars.DIRR }}":                                                                        "6: there is no vars.DIRR",
		"${{ env.X }}":                                                                              "4: there is no env",
		"${{ version.numbr }}":                                                                      "4: there is no version.numbr",
		"${{ version.number.x }}":                                                                   "4: there is no version.number.x",
		"${{ version.tags.x.y }}":                                                                   "4: there is no version.tags.x.y",
		"${{ toJSON(vars) }}":                                                                       "11: vars cannot stand by itself",
		"${{ vars[version.number] }}":                                                               "4: vars[…] is not known before it runs",
		"${{ join(vars.*) }}":                                                                       "9: vars cannot stand by itself",
		"${{ 1 == secrets.KEY }}":                                                                   "9: secrets: not here",
		"${{ hashFiles('x') }}":                                                                     "4: there is no function hashFiles()",
		"${{ contains('x') }}":                                                                      "4: contains() takes two arguments",
		"${{ success() }}":                                                                          "4: success() can be asked in if alone",
	} {
		parsed, err := expression.Parse(text)
		require.NoError(t, err, text)
		var said []string
		for _, e := range parsed.Check(root, false) {
			said = append(said, fmt.Sprintf("%d: %s", e.Offset, e.Message))
		}
		if want == "" {
			require.Empty(t, said, text)
			continue
		}
		require.Len(t, said, 1, text)
		require.Contains(t, said[0], want, text)
	}
	condition, err := expression.Condition("always() && success(1)")
	require.NoError(t, err)
	require.True(t, condition.Asks())
	require.Len(t, condition.Check(root, true), 1)
}

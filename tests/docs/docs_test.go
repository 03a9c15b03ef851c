// Package docs tests what the documentation shows: its pipelines parse, and its
// links lead somewhere.
package docs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation/checks"
	"github.com/slipway-ml/slipway/tests/testbed"
)

var (
	block  = regexp.MustCompile("(?ms)^```yaml\n(model: .*?)^```")
	link   = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	target = regexp.MustCompile("`make ([a-z]+)")
)

func pages(t *testing.T) map[string]string {
	t.Helper()
	root := testbed.Root(t)
	found, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	checks, err := filepath.Glob(filepath.Join(root, "docs", "checks", "*.md"))
	require.NoError(t, err)
	found = append(append(found, checks...), filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"))
	texts := map[string]string{}
	for _, path := range found {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		texts[path] = string(text)
	}
	return texts
}

func TestPipelinesInTheDocumentationParse(t *testing.T) {
	t.Parallel()
	grammar, err := pipeline.NewGrammar(checks.Declared())
	require.NoError(t, err)
	seen := 0
	for path, text := range pages(t) {
		for _, found := range block.FindAllStringSubmatch(text, -1) {
			_, problems := grammar.Parse([]byte(found[1]), pipeline.YAML, nil)
			require.Empty(t, problems, "%s: %s", path, found[1])
			seen++
		}
	}
	require.GreaterOrEqual(t, seen, 2)

	demo, err := os.ReadFile(filepath.Join(testbed.Root(t), "examples", "demo", "slipway.yaml"))
	require.NoError(t, err)
	_, problems := grammar.Parse(demo, pipeline.YAML, nil)
	require.Empty(t, problems)
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for path, text := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			_, err := os.Stat(filepath.Join(filepath.Dir(path), found[1]))
			require.NoError(t, err, "%s links to %s", path, found[1])
		}
	}
}

func TestTargetsInTheDocumentationExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(testbed.Root(t), "Makefile"))
	require.NoError(t, err)
	for path, text := range pages(t) {
		for _, found := range target.FindAllStringSubmatch(text, -1) {
			require.Contains(t, string(makefile), "\n"+found[1]+":", "%s names make %s", path, found[1])
		}
	}
}

func TestEveryPackageOfTheMapExists(t *testing.T) {
	t.Parallel()
	root := testbed.Root(t)
	text := pages(t)[filepath.Join(root, "docs", "architecture.md")]
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(text, -1) {
		parent := ""
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			path := strings.Replace(name[1], "…", parent, 1)
			if !strings.HasPrefix(name[1], "…") {
				parent = path
			}
			require.DirExists(t, filepath.Join(root, path))
		}
	}
}

func TestEveryCheckIsDocumented(t *testing.T) {
	t.Parallel()
	text := pages(t)[filepath.Join(testbed.Root(t), "docs", "pipeline.md")]
	for _, check := range checks.Declared() {
		require.Contains(t, text, "| `"+check.Name+"` |")
	}
}

func TestEveryCheckHasItsPage(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for _, check := range checks.Declared() {
		t.Run(check.Name, func(t *testing.T) {
			t.Parallel()
			page := all[filepath.Join(testbed.Root(t), "docs", "checks", check.Name+".md")]
			has := func(what string, forms ...string) {
				found := slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(page, form) })
				require.True(t, found, "docs/checks/%s.md lacks %s", check.Name, what)
			}
			has("an example", "- check: "+check.Name)
			has("its limits", "\n## Limits\n")
			for _, m := range check.Measures {
				name, _, _ := strings.Cut(m.Name, "[") // of each class, each change
				has("the measure "+m.Name, "`"+name)
			}
			for _, name := range fields(check.Settings) {
				has("the field "+name, "`"+name+"`", " "+name+": ")
			}
		})
	}
}

// fields are the JSON names of a struct's; none of nil.
func fields(settings any) []string {
	if settings == nil {
		return nil
	}
	var names []string
	for field := range reflect.TypeOf(settings).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed"
)

var (
	named   = regexp.MustCompile(`(?:Name: |NewDesc\()"(slipway_[a-z_]+)"`)
	written = regexp.MustCompile("`(slipway_[a-z_]+)`")
)

// Every series that the program makes stands in docs/metrics.md, and no other.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	root := testbed.Root(t)
	made, told := map[string]bool{}, map[string]bool{}
	for _, folder := range []string{"api", "services", "storage", "deploy", "cmd", "telemetry"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range named.FindAllStringSubmatch(string(text), -1) {
				made[m[1]] = true
			}
			return err
		}))
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	require.NoError(t, err)
	for _, m := range written.FindAllStringSubmatch(string(page), -1) {
		told[m[1]] = true
	}
	require.NotEmpty(t, made)
	require.Equal(t, made, told)
}

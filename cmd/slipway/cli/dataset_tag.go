package cli

import (
	"fmt"
	"path"
	"strings"

	"github.com/slipway-ml/slipway/openapi/client"
)

// tag gives files the tags of --tag TAG=PATTERN. A pattern that names no file
// is an error: it is a slip of the pen.
func tag(files []client.DatasetFile, rules []string) error {
	for _, rule := range rules {
		at := strings.LastIndex(rule, "=")
		if at < 1 || at == len(rule)-1 {
			return fmt.Errorf("--tag %q: write TAG=PATTERN, such as night=images/night-*", rule)
		}
		word, pattern := rule[:at], strings.TrimSuffix(strings.TrimPrefix(rule[at+1:], "./"), "/")
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("--tag %q: the pattern does not parse: %w", rule, err)
		}
		used := false
		for i := range files {
			if below(pattern, files[i].Path) {
				files[i].Tags = append(files[i].Tags, word)
				used = true
			}
		}
		if !used {
			return fmt.Errorf("--tag %q: no file is named by %s", rule, pattern)
		}
	}
	return nil
}

// below tells whether a pattern names a path or a folder above it.
func below(pattern, p string) bool {
	for at := p; at != "."; at = path.Dir(at) {
		if ok, err := path.Match(pattern, at); at == pattern || (ok && err == nil) {
			return true
		}
	}
	return false
}

package mask

import (
	"encoding/json"
	"iter"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// leafSize is how many characters a value inside a secret has at least to be
// masked by itself.
const leafSize = 8

// forms gives every text that stands for a secret, some of them twice.
func forms(secret string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, part := range parts(secret) {
			for _, form := range slices.Concat([]string{part}, bases(part), urls(part), jsons(part), markups(part), quotes(part)) {
				if utf8.RuneCountInString(form) >= Least && !yield(form) {
					return
				}
			}
		}
	}
}

// parts are what a log may hold of a secret: all of it, its lines, and the
// values in it where it is JSON or lines of KEY=VALUE.
func parts(secret string) (all []string) {
	add := func(part string, least int) {
		if utf8.RuneCountInString(part) >= least {
			all = append(all, part)
		}
	}
	add(secret, Least)
	if whole := strings.TrimSpace(secret); whole != secret {
		add(whole, Least)
	}
	if strings.Contains(secret, "\n") {
		for line := range strings.Lines(secret) {
			add(strings.TrimSpace(line), Least)
		}
	}
	for _, leaf := range slices.Concat(jsonLeaves(secret), envLeaves(secret)) {
		add(leaf, leafSize)
	}
	return all
}

// jsonLeaves are the texts and numbers in a JSON object or list.
func jsonLeaves(secret string) (leaves []string) {
	decoder := json.NewDecoder(strings.NewReader(secret))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil || decoder.More() {
		return nil
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		case string:
			leaves = append(leaves, v)
		case json.Number:
			leaves = append(leaves, v.String())
		}
	}
	walk(value)
	return leaves
}

var envLine = regexp.MustCompile(`^(?:export\s+)?[A-Za-z_][\w.-]*\s*=\s*(.*?)\s*$`)

// envLeaves are the values of lines of KEY=VALUE, where there is no other line.
func envLeaves(secret string) (leaves []string) {
	for line := range strings.Lines(secret) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		found := envLine.FindStringSubmatch(line)
		if found == nil {
			return nil
		}
		value := found[1]
		leaves = append(leaves, value)
		if n := len(value); n > 1 && strings.ContainsRune(`"'`, rune(value[0])) && value[n-1] == value[0] {
			leaves = append(leaves, value[1:n-1])
		}
	}
	return leaves
}

// Package mask replaces secrets in what is written: their values, and the
// forms that a shell, a URL, JSON, XML, base64 and the like give them. It
// cannot know what a program computes of a secret, such as its reverse.
package mask

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"strings"

	"github.com/coregx/ahocorasick"
)

// Replacement stands where a secret stood.
const Replacement = "***"

// Least is how many characters a secret has at least to be masked: shorter
// ones would be found in every other word.
const Least = 4

// anchorSize is how much of a pattern the automaton knows. What it finds is
// compared with the whole pattern, so that its size does not grow with that of
// the secrets.
const anchorSize = 8

// Mask finds secrets in a text. It may be used by many at once; a nil one finds
// nothing.
type Mask struct {
	anchors  *ahocorasick.Automaton
	sorted   []string   // the anchors
	patterns [][]string // those that begin with each anchor, the longest first
}

// New makes a Mask of secrets. Those of less than Least characters are not
// masked.
func New(values ...string) *Mask {
	patterns := map[string]bool{}
	for _, v := range values {
		for form := range forms(v) {
			patterns[form] = true
		}
	}
	if len(patterns) == 0 {
		return nil
	}
	byAnchor := map[string][]string{}
	var used [256]bool
	for p := range patterns {
		anchor := p[:min(len(p), anchorSize)]
		byAnchor[anchor] = append(byAnchor[anchor], p)
		for _, b := range []byte(anchor) {
			used[b] = true
		}
	}
	m := &Mask{}
	for anchor := range byAnchor {
		m.sorted = append(m.sorted, anchor)
	}
	slices.Sort(m.sorted)
	for _, anchor := range m.sorted {
		list := byAnchor[anchor]
		slices.SortFunc(list, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
		m.patterns = append(m.patterns, list)
	}
	// The library counts its classes of bytes in one, so that 256 are none.
	classes := slices.Contains(used[:], false)
	m.anchors, _ = ahocorasick.NewBuilder().AddStrings(m.sorted).SetByteClasses(classes).Build() // fails for no pattern only
	return m
}

// Text gives a text with its secrets replaced.
func (m *Mask) Text(text string) string {
	if m == nil {
		return text
	}
	var out strings.Builder
	w := &writer{mask: m, to: &out}
	_, _ = w.Write([]byte(text)) // a Builder takes everything
	_ = w.Close()
	return out.String()
}

// Writer masks what is written on its way to another writer. It holds back only
// what may be the beginning of a secret; Close writes that, and does not close
// the other.
func (m *Mask) Writer(to io.Writer) io.WriteCloser {
	if m == nil {
		return open{to}
	}
	return &writer{mask: m, to: to}
}

// open is a writer that has nothing to mask.
type open struct{ io.Writer }

// Close implements io.Closer.
func (open) Close() error { return nil }

// span is where a secret stands.
type span struct{ start, end int }

// find gives the secrets in text, in the order of their starts and the longest
// of each start, and from where on text has to be looked at again when more of
// it is known: all that starts before is decided.
func (m *Mask) find(text []byte) (found []span, hold int) {
	hold = m.begun(text)
	for _, anchor := range m.anchors.FindAllOverlapping(text) {
		rest := text[anchor.Start:]
		for _, p := range m.patterns[anchor.PatternID] {
			if len(p) > len(rest) {
				if anchor.Start < hold && p[:len(rest)] == string(rest) {
					hold = anchor.Start
				}
				continue
			}
			if string(rest[:len(p)]) == p {
				found = append(found, span{anchor.Start, anchor.Start + len(p)})
				break
			}
		}
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end)) })
	return found, hold
}

// begun gives where in the end of text an anchor may begin that text does not
// have whole.
func (m *Mask) begun(text []byte) int {
	for start := max(0, len(text)-anchorSize+1); start < len(text); start++ {
		tail := text[start:]
		i, whole := slices.BinarySearchFunc(m.sorted, tail, func(a string, t []byte) int { return bytes.Compare([]byte(a), t) })
		if whole {
			i++
		}
		if i < len(m.sorted) && strings.HasPrefix(m.sorted[i], string(tail)) {
			return start
		}
	}
	return len(text)
}

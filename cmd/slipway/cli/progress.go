package cli

import (
	"fmt"
	"io"
	"strings"
)

// progress shows how far something is: a bar on a terminal, a line at each
// tenth elsewhere.
type progress struct {
	w     io.Writer
	bar   bool
	shown bool
	last  string
}

func newProgress(w io.Writer) *progress { return &progress{w: w, bar: terminal(w)} }

const barWidth = 30

func (p *progress) show(what string, done, total int64, unit string) {
	if total <= 0 {
		return
	}
	share := float64(done) / float64(total)
	if p.bar {
		full := min(barWidth, int(share*barWidth))
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K  %s [%s%s] %d of %d %s", what, strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done, total, unit)
		p.shown = true
		return
	}
	if line := fmt.Sprintf("%s %d0 %%", what, int(share*10)); line != p.last { //nolint:gosec // a share is small
		p.last = line
		_, _ = fmt.Fprintf(p.w, "  %s: %d of %d %s\n", what, done, total, unit)
	}
}

// clear takes the bar away, for lines to follow.
func (p *progress) clear() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

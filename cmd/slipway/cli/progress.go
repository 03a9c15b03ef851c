package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress shows how far something is: a bar on a terminal, elsewhere a line now
// and then, so that a log stays short.
type progress struct {
	w     io.Writer
	bar   bool
	shown bool
	tick  *time.Ticker
}

const (
	barWidth  = 30
	lineEvery = 5 * time.Second
)

func newProgress(w io.Writer) *progress {
	return &progress{w: w, bar: terminal(w), tick: time.NewTicker(lineEvery)}
}

func (p *progress) show(what string, done, total int64, unit string) {
	if total <= 0 {
		return
	}
	if p.bar {
		full := min(barWidth, int(float64(done)/float64(total)*barWidth))
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K  %s [%s%s] %d of %d %s", what, strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done, total, unit)
		p.shown = true
		return
	}
	select {
	case <-p.tick.C:
		_, _ = fmt.Fprintf(p.w, "  %s: %d of %d %s\n", what, done, total, unit)
	default:
	}
}

// clear takes the bar away, for lines to follow.
func (p *progress) clear() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

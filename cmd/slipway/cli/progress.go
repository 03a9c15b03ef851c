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
	left  time.Duration // estimated by who knows; 0: not told
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
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K  %s [%s%s] %d of %d %s%s", what, strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done, total, unit, p.remaining())
		p.shown = true
		return
	}
	select {
	case <-p.tick.C:
		_, _ = fmt.Fprintf(p.w, "  %s: %d of %d %s%s\n", what, done, total, unit, p.remaining())
	default:
	}
}

// begin shows that something has begun of which nothing is counted yet.
func (p *progress) begin(what string) {
	if p.bar {
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K  %s …", what)
		p.shown = true
		return
	}
	_, _ = fmt.Fprintf(p.w, "  %s\n", what)
}

// remaining tells how long it will still take.
func (p *progress) remaining() string {
	switch {
	case p.left <= 0:
		return ""
	case p.left < time.Minute:
		return fmt.Sprintf(", %d s left", int(p.left.Seconds()+1))
	}
	return fmt.Sprintf(", %d min left", int(p.left.Minutes()+1))
}

// clear takes the bar away, for lines to follow.
func (p *progress) clear() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

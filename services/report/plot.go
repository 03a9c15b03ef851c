package report

import (
	"fmt"
	"html"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// maxPoints bounds a line: more are not seen at this size.
const maxPoints = 400

// maxSeries bounds what is drawn of a chart.
const maxSeries = 40

// lines draws series of points; where a series says no X it counts.
func (p *pen) lines(c models.Chart) bool {
	var xs, ys []float64
	for _, s := range c.Series {
		for i, v := range s.Y {
			xs, ys = append(xs, place(s, i)), append(ys, v)
		}
	}
	lowX, highX, okX := span(xs, false)
	lowY, highY, okY := span(ys, false)
	if !okX || !okY {
		return false
	}
	if lowX < slices.Min(xs) && lowX != 0 { // a line begins where its data do
		lowX = slices.Min(xs)
	}
	x, y := across(lowX, highX), up(lowY, highY)
	p.frame(x, y, c, true)
	for i, s := range c.Series[:min(len(c.Series), maxSeries)] {
		class := "line"
		if i >= colours {
			class = "line faint"
		}
		p.add(`<path class="%s c%d" d="`, class, min(i, colours-1))
		step, pen := max(1, len(s.Y)/maxPoints), "M"
		for j := 0; j < len(s.Y); j += step {
			if j+step >= len(s.Y) {
				j = len(s.Y) - 1 // the last one always
			}
			if v, at := s.Y[j], place(s, j); finite(v) && finite(at) {
				p.add("%s%.1f %.1f", pen, x.at(at), y.at(v))
				pen = "L"
			} else {
				pen = "M"
			}
		}
		p.add(`"><title>%s</title></path>`, html.EscapeString(s.Name))
	}
	return true
}

func place(s models.Series, i int) float64 {
	if i < len(s.X) {
		return s.X[i]
	}
	return float64(i)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// bars draws a value for each label, or a histogram over left edges.
func (p *pen) bars(c models.Chart) bool {
	var ys []float64
	n := len(c.Labels)
	for _, s := range c.Series {
		ys = append(ys, s.Y...)
		n = max(n, len(s.Y))
	}
	low, high, ok := span(ys, true)
	if !ok || n == 0 {
		return false
	}
	y, x := up(low, high), across(0, float64(n))
	histogram := len(c.Labels) == 0 && len(c.Series) > 0 && len(c.Series[0].X) > 1
	if histogram {
		edges := c.Series[0].X
		x = across(edges[0], edges[len(edges)-1]+edges[len(edges)-1]-edges[len(edges)-2])
	}
	p.frame(x, y, c, histogram)
	series := c.Series[:min(len(c.Series), colours)]
	for i, s := range series {
		for j, v := range s.Y {
			if !finite(v) {
				continue
			}
			left, right := x.at(float64(j)), x.at(float64(j+1))
			if histogram && j < len(s.X) {
				left, right = x.at(s.X[j]), x.to
				if j+1 < len(s.X) {
					right = x.at(s.X[j+1])
				}
			}
			gap := min(4, (right-left)/8)
			width := max(0.5, (right-left-2*gap)/float64(len(series)))
			top, foot := y.at(max(v, 0)), y.at(min(v, 0))
			p.add(`<rect class="bar c%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`,
				i, left+gap+float64(i)*width, top, width, max(0, foot-top), html.EscapeString(barWords(c, s, j)))
		}
	}
	p.barLabels(c, x)
	return true
}

func barWords(c models.Chart, s models.Series, j int) string {
	label := number(place(s, j))
	if j < len(c.Labels) {
		label = c.Labels[j]
	}
	return fmt.Sprintf("%s: %s", label, number(s.Y[j]))
}

// barLabels names bars, aslant where they are many, and some where there is no
// room for all.
func (p *pen) barLabels(c models.Chart, x axis) {
	n := len(c.Labels)
	every := (n + 23) / 24
	for j, label := range c.Labels {
		if j%max(1, every) != 0 {
			continue
		}
		at := x.at(float64(j) + 0.5)
		if n <= 6 {
			p.text("mark mid", at, chartHeight-marginLow+15, short(label, 60/n))
			continue
		}
		p.add(`<text class="mark end" transform="translate(%.1f %d) rotate(-35)">%s</text>`, at+4, chartHeight-marginLow+12, html.EscapeString(short(label, 9)))
	}
}

// maxCells bounds the rows of a matrix that can still be seen.
const maxCells = 80

// matrix draws counts as a heat map: rows are the truth. The shade is the share
// of the row.
func (p *pen) matrix(c models.Chart) bool {
	n := len(c.Cells)
	if n == 0 || n > maxCells {
		return false
	}
	const left, top = 96, 30
	size := float64(chartWidth-left-marginRight) / float64(n)
	p.height = top + int(size*float64(n)) + 84
	for i, row := range c.Cells {
		sum := 0.0
		for _, v := range row {
			sum += math.Abs(v)
		}
		for j, v := range row[:min(n, len(row))] {
			share := 0.0
			if sum > 0 && finite(v) {
				share = math.Abs(v) / sum
			}
			x, y := left+float64(j)*size, top+float64(i)*size
			p.add(`<rect class="cell" x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill-opacity="%.2f"><title>%s</title></rect>`, x, y, size-1, size-1, share,
				html.EscapeString(fmt.Sprintf("%s taken for %s: %s", name(c.Labels, i), name(c.Labels, j), number(v))))
			if n <= 16 && v != 0 {
				class := "count mid"
				if share > 0.5 {
					class += " over"
				}
				p.text(class, x+size/2, y+size/2+4, number(v))
			}
		}
		if n <= 40 {
			p.text("mark end", left-6, top+(float64(i)+0.5)*size+4, short(name(c.Labels, i), 13))
			p.add(`<text class="mark end" transform="translate(%.1f %.1f) rotate(-45)">%s</text>`,
				left+(float64(i)+0.5)*size+4, top+size*float64(n)+12, html.EscapeString(short(name(c.Labels, i), 13)))
		}
	}
	p.text("mid", left+size*float64(n)/2, float64(p.height)-6, orElse(c.X, "what the model says"))
	p.text("", 6, top-12, orElse(c.Y, "the truth")+" ↓")
	return true
}

func name(labels []string, i int) string {
	if i < len(labels) {
		return labels[i]
	}
	return fmt.Sprint(i)
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

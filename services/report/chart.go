package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// The sizes of a chart, in units of its picture.
const (
	chartWidth  = 480
	chartHeight = 300
	marginLeft  = 54
	marginRight = 12
	marginTop   = 10
	marginLow   = 42
)

// colours is how many there are for series; further ones take the last.
const colours = 8

// Drawn is a chart as the page has it.
type Drawn struct {
	Title, About string
	SVG          template.HTML
	Legend       []Key
	More         int // series beyond the legend
}

// Key is one line of a legend.
type Key struct {
	Colour int
	Name   string
}

// draw makes a chart's picture; a kind that nobody knows, and one without
// values, says so.
func draw(c models.Chart) Drawn {
	d := Drawn{Title: c.Title, About: c.About}
	p := &pen{}
	ok := false
	switch c.Kind {
	case models.ChartLines:
		ok = p.lines(c)
	case models.ChartBars:
		ok = p.bars(c)
	case models.ChartMatrix:
		ok = p.matrix(c)
	}
	if !ok {
		d.About = strings.TrimSpace(d.About + " (nothing to draw)")
		return d
	}
	if c.Kind != models.ChartMatrix && (len(c.Series) > 1 || c.Kind == models.ChartLines && c.Series[0].Name != "") {
		for i, s := range c.Series {
			if i == colours {
				d.More = len(c.Series) - colours
				break
			}
			d.Legend = append(d.Legend, Key{i, s.Name})
		}
	}
	height := p.height
	if height == 0 {
		height = chartHeight
	}
	//nolint:gosec // every text in it went through html.EscapeString
	d.SVG = template.HTML(fmt.Sprintf(`<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">%s</svg>`,
		chartWidth, height, html.EscapeString(c.Title), p.String()))
	return d
}

// pen writes a picture.
type pen struct {
	strings.Builder
	height int // 0: chartHeight
}

func (p *pen) add(format string, args ...any) { _, _ = fmt.Fprintf(p, format, args...) }

// text writes foreign words at a place.
func (p *pen) text(class string, x, y float64, words string) {
	p.add(`<text class="%s" x="%.1f" y="%.1f">%s</text>`, class, x, y, html.EscapeString(words))
}

// axis is a range of values and where it lies.
type axis struct {
	low, high float64 // values
	from, to  float64 // places
}

func (a axis) at(v float64) float64 {
	if a.high == a.low {
		return (a.from + a.to) / 2
	}
	return a.from + (v-a.low)/(a.high-a.low)*(a.to-a.from)
}

// across and up are the two axes of a chart.
func across(low, high float64) axis { return axis{low, high, marginLeft, chartWidth - marginRight} }
func up(low, high float64) axis     { return axis{low, high, chartHeight - marginLow, marginTop} }

// span is the range of values, widened to round numbers; shares keep 0 to 1.
func span(values []float64, zero bool) (low, high float64, ok bool) {
	values = slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(values) == 0 {
		return 0, 0, false
	}
	low, high = slices.Min(values), slices.Max(values)
	if zero || low >= 0 && low <= high/3 {
		low = min(low, 0)
	}
	if low >= 0 && high <= 1 && high > 0.5 {
		return 0, 1, true
	}
	if low == high {
		high = low + 1
	}
	step := round(high-low, 5)
	return math.Floor(low/step+1e-9) * step, math.Ceil(high/step-1e-9) * step, true
}

// round is the step of about n marks in a width: 1, 2 or 5 times a power of 10.
func round(width float64, n int) float64 {
	raw := width / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, nice := range []float64{1, 2, 5} {
		if raw <= nice*power*1.0001 {
			return nice * power
		}
	}
	return 10 * power
}

// marks are the values that an axis names.
func marks(low, high float64) []float64 {
	step := round(high-low, 5)
	var all []float64
	for v := math.Ceil(low/step-1e-9) * step; v <= high+step*1e-6; v += step {
		all = append(all, math.Round(v/step)*step+0) // no -0
	}
	return all
}

// frame draws the axes, with marks on the one across where wanted.
func (p *pen) frame(x, y axis, c models.Chart, marked bool) {
	for _, v := range marks(y.low, y.high) {
		p.add(`<path class="grid" d="M%d %.1fH%d"/>`, marginLeft, y.at(v), chartWidth-marginRight)
		p.text("mark end", marginLeft-6, y.at(v)+4, number(v))
	}
	p.add(`<path class="axis" d="M%d %dH%d"/>`, marginLeft, chartHeight-marginLow, chartWidth-marginRight)
	if marked {
		for _, v := range marks(x.low, x.high) {
			p.text("mark mid", x.at(v), chartHeight-marginLow+15, number(v))
		}
	}
	p.text("mid", (marginLeft+chartWidth-marginRight)/2, chartHeight-6, c.X)
	if c.Y != "" {
		p.add(`<text class="mid" transform="translate(13 %d) rotate(-90)">%s</text>`, (marginTop+chartHeight-marginLow)/2, html.EscapeString(c.Y))
	}
}

// short cuts a label that has no room.
func short(label string, most int) string {
	runes := []rune(label)
	if len(runes) <= most {
		return label
	}
	return string(runes[:max(1, most-1)]) + "…"
}

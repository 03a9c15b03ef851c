package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// number writes a figure as a person reads it.
func number(v float64) string {
	switch {
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) < 1e-3 || math.Abs(v) >= 1e6:
		return strconv.FormatFloat(v, 'g', 4, 64)
	case math.Abs(v) >= 100:
		return trimmed(v, 1)
	}
	return trimmed(v, 4)
}

func trimmed(v float64, digits int) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', digits, 64), "0"), ".")
}

// signed writes a difference.
func signed(v float64) string {
	if v >= 0 {
		return "+" + number(v)
	}
	return "−" + number(-v)
}

// lasting writes how long something took.
func lasting(from, to *time.Time) string {
	if from == nil || to == nil {
		return ""
	}
	switch d := to.Sub(*from); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

func seconds(from, to *time.Time) float64 {
	if from == nil || to == nil {
		return 0
	}
	return to.Sub(*from).Seconds()
}

func moment(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05 UTC") }

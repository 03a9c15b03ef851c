package table

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/models"
)

// What is kept of a column's values.
const (
	maxExamples = 5
	maxExample  = 80 // characters of one
)

// Profile reads a table to its end: how many rows, and of each column what is
// missing, its range, and a few of its values. It closes the table.
func Profile(t models.Table) (columns []models.Column, rows int64, err error) {
	defer func() { err = errors.Join(err, t.Close()) }()
	columns = slices.Clone(t.Columns())
	for {
		row, err := t.Next()
		if errors.Is(err, io.EOF) {
			return columns, rows, nil
		}
		if err != nil {
			return nil, rows, err
		}
		rows++
		for i, value := range row {
			note(&columns[i], value)
		}
	}
}

func note(c *models.Column, value any) {
	switch v := value.(type) {
	case nil:
		c.Missing++
		return
	case int64:
		widen(c, float64(v))
	case float64:
		if math.IsNaN(v) {
			c.Missing++
			return
		}
		if !math.IsInf(v, 0) {
			widen(c, v)
		}
	}
	if len(c.Examples) < maxExamples {
		if text := show(value); !slices.Contains(c.Examples, text) {
			c.Examples = append(c.Examples, text)
		}
	}
}

func widen(c *models.Column, v float64) {
	if c.Min == nil {
		c.Min, c.Max = new(v), new(v)
	}
	*c.Min, *c.Max = min(*c.Min, v), max(*c.Max, v)
}

func show(value any) string {
	switch v := value.(type) {
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return v.Format(time.RFC3339)
	case string:
		if runes := []rune(v); len(runes) > maxExample {
			return string(runes[:maxExample]) + "…"
		}
		return v
	}
	return fmt.Sprint(value)
}

package table

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
)

// The bounds of a table.
const (
	maxColumns = 4096
	maxName    = 200      // bytes of a column's name
	maxRecord  = 16 << 20 // bytes of one row: a quote that is never closed reads on
)

// lines reads a CSV file's rows as text. Its first line names the columns; the
// delimiter (comma, semicolon, tab or bar) is the one that line has most of.
type lines struct {
	where string
	csv   *csv.Reader
	limit *limited
	names []string
}

// limited ends a row that is too long.
type limited struct {
	r    io.Reader
	left int
}

var errLong = fmt.Errorf("a row of more than %d bytes: a quote may not be closed", maxRecord)

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLong
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}

func openLines(where string, r io.Reader) (*lines, error) {
	l := &lines{where: where, limit: &limited{r, maxRecord}}
	head := bufio.NewReaderSize(l.limit, 64<<10)
	start, err := head.Peek(3)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, models.Errorf(models.KindInvalid, "%s: this is UTF-16: save it as UTF-8", where)
	case bytes.HasPrefix(start, []byte("\ufeff")):
		_, _ = head.Discard(3) // they have just been peeked at
	}
	first, err := head.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	l.csv = csv.NewReader(head)
	l.csv.Comma, l.csv.ReuseRecord = delimiter(first), true
	names, err := l.next()
	if errors.Is(err, io.EOF) {
		return nil, models.Errorf(models.KindInvalid, "%s: the file is empty; its first line names the columns", where)
	}
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		l.names = append(l.names, strings.Clone(strings.TrimSpace(name)))
	}
	return l, checkNames(where+":1", l.names, true)
}

// delimiter is what the first line has most of, outside of quotes.
func delimiter(text []byte) rune {
	best, counts, quoted := ',', map[rune]int{}, false
	for _, c := range string(text) {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n':
			return best
		case strings.ContainsRune(",;\t|", c):
			if counts[c]++; counts[c] > counts[best] {
				best = c
			}
		}
	}
	return best
}

// checkNames holds the names of columns against what can be told apart.
func checkNames(where string, names []string, header bool) error {
	seen, numbers := map[string]bool{}, 0
	if len(names) > maxColumns {
		return models.Errorf(models.KindInvalid, "%s: %d columns, at most %d", where, len(names), maxColumns)
	}
	for i, name := range names {
		switch {
		case name == "" && i == 0 && header:
			names[i], name = "index", "index" // what pandas writes by default
		case name == "":
			return models.Errorf(models.KindInvalid, "%s: column %d has no name: the first line names the columns", where, i+1)
		case len(name) > maxName || strings.ContainsRune(name, 0):
			return models.Errorf(models.KindInvalid, "%s: the name of column %d is too long, or no text: at most %d bytes", where, i+1, maxName)
		}
		if seen[name] {
			return models.Errorf(models.KindInvalid, "%s: two columns are named %q", where, name)
		}
		seen[name] = true
		if _, ok := parseFloat(name); ok {
			numbers++
		}
	}
	if header && numbers == len(names) {
		return models.Errorf(models.KindInvalid, "%s: the first line is all numbers; it has to name the columns", where)
	}
	return nil
}

// next gives the next row, valid until the next call.
func (l *lines) next() ([]string, error) {
	l.limit.left = maxRecord
	row, err := l.csv.Read()
	var broken *csv.ParseError
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, errLong):
		return nil, models.Errorf(models.KindInvalid, "%s: %v", l.where, errLong)
	case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &broken):
		return nil, models.Errorf(models.KindInvalid, "%s:%d: the row has %d values, and there are %d columns", l.where, broken.Line, len(row), l.csv.FieldsPerRecord)
	case errors.As(err, &broken):
		return nil, models.Errorf(models.KindInvalid, "%s:%d: the row does not parse: %v", l.where, broken.Line, broken.Err)
	default:
		return nil, err // of the store
	}
	for i, field := range row {
		if !utf8.ValidString(field) || strings.ContainsRune(field, 0) {
			line, _ := l.csv.FieldPos(i)
			return nil, models.Errorf(models.KindInvalid, "%s:%d: the value of column %d is no text in UTF-8: save the file as UTF-8", l.where, line, i+1)
		}
	}
	return row, nil
}

// csvRows reads a CSV file as rows of typed values.
type csvRows struct {
	*lines
	io.Closer
	kinds []models.ColumnType
	row   []any
}

func openCSV(f File, columns []models.Column) (fileRows, error) {
	body, err := f.Open()
	if err != nil {
		return nil, err
	}
	l, err := openLines(f.Path, body)
	if err != nil {
		return nil, errors.Join(err, body.Close())
	}
	c := &csvRows{lines: l, Closer: body, row: make([]any, len(l.names)), kinds: make([]models.ColumnType, len(l.names))}
	for i, name := range l.names {
		for _, column := range columns {
			if column.Name == name {
				c.kinds[i] = column.Type
			}
		}
	}
	return c, nil
}

// columnNames implements fileRows.
func (c *csvRows) columnNames() []string { return c.names }

// nextRow implements fileRows.
func (c *csvRows) nextRow() ([]any, error) {
	fields, err := c.next()
	if err != nil {
		return nil, err
	}
	for i, field := range fields {
		value, ok := parse(c.kinds[i], field)
		if !ok {
			line, _ := c.csv.FieldPos(i)
			return nil, models.Errorf(models.KindInvalid, "%s:%d: %q is no %s, which column %q is", c.where, line, field, c.kinds[i], c.names[i])
		}
		c.row[i] = value
	}
	return c.row, nil
}

// inferCSV finds the types of a file's columns.
func inferCSV(f File) (names []string, columns []kinds, err error) {
	body, err := f.Open()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = body.Close() }()
	l, err := openLines(f.Path, body)
	if err != nil {
		return nil, nil, err
	}
	columns = make([]kinds, len(l.names))
	for {
		row, err := l.next()
		if errors.Is(err, io.EOF) {
			return l.names, columns, nil
		}
		if err != nil {
			return nil, nil, err
		}
		for i, field := range row {
			columns[i].add(field)
		}
	}
}

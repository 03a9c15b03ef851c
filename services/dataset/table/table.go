package table

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// File is a part of a table.
type File struct {
	Path string
	Open func() (io.ReadCloser, error)    // streams; the caller closes
	Disk func() (*os.File, func(), error) // for reading here and there; the caller calls what it gets
}

// fileRows reads one file. A row is valid until the next one.
type fileRows interface {
	columnNames() []string // in the order of a row
	nextRow() ([]any, error)
	io.Closer
}

// Infer finds the columns of the files together, in the order of the first one:
// their names and types. Each file has the same columns. words names those of a
// CSV file in which a word stands for a missing value.
func Infer(format models.DatasetFormat, files []File) (columns []models.Column, words []string, err error) {
	if format == models.FormatParquet {
		columns, err = inferParquets(files)
		return columns, nil, err
	}
	var all []kinds
	for i, f := range files {
		names, of, err := inferCSV(f)
		if err != nil {
			return nil, nil, err
		}
		if i == 0 {
			all = of
			for _, name := range names {
				columns = append(columns, models.Column{Name: name})
			}
			continue
		}
		order, err := orderOf(f.Path, names, columns)
		if err != nil {
			return nil, nil, err
		}
		for i, from := range order {
			all[i].merge(of[from])
		}
	}
	for i := range columns {
		columns[i].Type = all[i].kind()
		if all[i].words > 0 && columns[i].Type != models.ColumnText {
			words = append(words, columns[i].Name)
		}
	}
	return columns, words, nil
}

// orderOf tells where a file has each column.
func orderOf(where string, names []string, columns []models.Column) ([]int, error) {
	order := make([]int, len(columns))
	for i, column := range columns {
		if order[i] = slices.Index(names, column.Name); order[i] < 0 {
			return nil, models.Errorf(models.KindInvalid, "%s: column %q is missing, which the other files have: %s", where, column.Name, short(names))
		}
	}
	if len(names) > len(columns) {
		for _, name := range names {
			if !slices.ContainsFunc(columns, func(c models.Column) bool { return c.Name == name }) {
				return nil, models.Errorf(models.KindInvalid, "%s: column %q is in this file alone; every file has the same columns", where, name)
			}
		}
	}
	return order, nil
}

func short(names []string) string {
	const shown = 8
	if len(names) > shown {
		names = append(slices.Clone(names[:shown]), "…")
	}
	return "it has " + strings.Join(names, ", ")
}

// Open gives the rows of the files, one file after the other.
func Open(format models.DatasetFormat, files []File, columns []models.Column) models.Table {
	return &table{format: format, files: files, columns: columns, row: make([]any, len(columns))}
}

type table struct {
	format  models.DatasetFormat
	files   []File // that are left
	columns []models.Column
	current fileRows
	order   []int // where the current file has each column
	row     []any
}

// Columns implements models.Table.
func (t *table) Columns() []models.Column { return t.columns }

// Next implements models.Table.
func (t *table) Next() ([]any, error) {
	for {
		if t.current == nil {
			if err := t.open(); err != nil {
				return nil, err
			}
		}
		row, err := t.current.nextRow()
		switch {
		case err == nil:
			for i, from := range t.order {
				t.row[i] = widened(row[from], t.columns[i].Type)
			}
			return t.row, nil
		case !errors.Is(err, io.EOF):
			return nil, err
		}
		if err := t.Close(); err != nil {
			return nil, err
		}
	}
}

// open opens the next file; io.EOF where none is left.
func (t *table) open() (err error) {
	if len(t.files) == 0 {
		return io.EOF
	}
	f := t.files[0]
	if t.format == models.FormatParquet {
		t.current, err = openParquet(f)
	} else {
		t.current, err = openCSV(f, t.columns)
	}
	if err != nil {
		t.current = nil
		return err
	}
	t.files = t.files[1:]
	t.order, err = orderOf(f.Path, t.current.columnNames(), t.columns)
	return err
}

// widened makes a whole number one of a column that has others elsewhere.
func widened(value any, kind models.ColumnType) any {
	if v, ok := value.(int64); ok && kind == models.ColumnFloat {
		return float64(v)
	}
	return value
}

// Close implements models.Table.
func (t *table) Close() error {
	if t.current == nil {
		return nil
	}
	current := t.current
	t.current = nil
	return current.Close()
}

package table

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/slipway-ml/slipway/models"
)

// maxPage bounds what one column of one row group unpacks to: a small file can
// say that it is gigabytes.
const maxPage = 1 << 30

// batch is how many rows are taken from the library at once.
const batch = 64

// parquetRows reads one Parquet file.
type parquetRows struct {
	where   string
	file    *os.File
	release func()
	columns []parquetColumn // by leaf; those of nested columns have no reader
	names   []string
	groups  []parquet.RowGroup // that are left
	rows    parquet.Rows
	due     int64 // rows of the group that have not come yet
	buffer  []parquet.Row
	filled  []parquet.Row // of buffer, not given yet
	row     []any
}

// guarded turns what the library makes of a damaged file, panics included, into
// an error that names it.
func guarded(where string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%v", r)
	}
	if *err != nil && !errors.Is(*err, io.EOF) && models.KindOf(*err) == models.KindInternal {
		*err = models.Errorf(models.KindInvalid, "%s: the file does not read as Parquet: %v", where, *err)
	}
}

func openParquet(f File) (fileRows, error) {
	file, release, err := f.Disk()
	if err != nil {
		return nil, err // of the store
	}
	p := &parquetRows{where: f.Path, file: file, release: release}
	if err := p.open(); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *parquetRows) open() (err error) {
	defer guarded(p.where, &err)
	info, err := p.file.Stat()
	if err != nil {
		return err
	}
	opened, err := parquet.OpenFile(p.file, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // not the end of the rows
	}
	if err != nil {
		return err
	}
	for _, group := range opened.Metadata().RowGroups {
		for _, column := range group.Columns {
			if column.MetaData.TotalUncompressedSize > maxPage {
				return models.Errorf(models.KindInvalid, "%s: a column of a row group of %d bytes, at most %d: write smaller row groups", p.where, column.MetaData.TotalUncompressedSize, maxPage)
			}
		}
	}
	for i, column := range opened.Root().Columns() {
		p.names = append(p.names, column.Name())
		p.columns = appendLeaves(p.columns, column, i)
	}
	p.row = make([]any, len(p.names))
	p.groups, p.buffer = opened.RowGroups(), make([]parquet.Row, batch)
	return checkNames(p.where, p.names, false)
}

// columnNames implements fileRows.
func (p *parquetRows) columnNames() []string { return p.names }

// nextRow implements fileRows.
func (p *parquetRows) nextRow() (row []any, err error) {
	defer guarded(p.where, &err)
	for len(p.filled) == 0 {
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
	clear(p.row)
	for _, value := range p.filled[0] {
		if column := p.columns[value.Column()]; column.read != nil && !value.IsNull() {
			p.row[column.index] = column.read(value)
		}
	}
	p.filled = p.filled[1:]
	return p.row, nil
}

// fill takes the next rows from the library; io.EOF after the last row group.
func (p *parquetRows) fill() error {
	if p.rows == nil {
		if len(p.groups) == 0 {
			return io.EOF
		}
		p.rows, p.due, p.groups = p.groups[0].Rows(), p.groups[0].NumRows(), p.groups[1:]
	}
	n, err := p.rows.ReadRows(p.buffer)
	p.filled, p.due = p.buffer[:n], p.due-int64(n)
	if errors.Is(err, io.EOF) || (err == nil && n == 0) {
		err = p.rows.Close()
		p.rows = nil
		if p.due != 0 {
			err = errors.Join(err, fmt.Errorf("a row group has %d rows less than it says", p.due))
		}
	}
	return err
}

// Close implements io.Closer.
func (p *parquetRows) Close() (err error) {
	defer guarded(p.where, &err)
	defer p.release()
	if p.rows != nil {
		return p.rows.Close()
	}
	return nil
}

// inferParquets finds the columns of files together.
func inferParquets(files []File) (columns []models.Column, err error) {
	for i, f := range files {
		rows, err := openParquet(f)
		if err != nil {
			return nil, err
		}
		of := rows.(*parquetRows).kinds()
		if err := rows.Close(); err != nil {
			return nil, err
		}
		if i == 0 {
			columns = of
			continue
		}
		if err := mergeColumns(f.Path, columns, of); err != nil {
			return nil, err
		}
	}
	return columns, nil
}

// kinds gives the columns with their types.
func (p *parquetRows) kinds() []models.Column {
	out := make([]models.Column, len(p.names))
	for i, name := range p.names {
		out[i] = models.Column{Name: name, Type: models.ColumnNested}
	}
	for _, leaf := range p.columns {
		if leaf.read != nil {
			out[leaf.index].Type = leaf.kind
		}
	}
	return out
}

// mergeColumns widens columns by those of another file.
func mergeColumns(where string, columns, other []models.Column) error {
	names := make([]string, len(other))
	for i, c := range other {
		names[i] = c.Name
	}
	order, err := orderOf(where, names, columns)
	if err != nil {
		return err
	}
	for i, from := range order {
		a, b := columns[i].Type, other[from].Type
		number := func(t models.ColumnType) bool { return t == models.ColumnInt || t == models.ColumnFloat }
		switch {
		case a == b:
		case number(a) && number(b):
			columns[i].Type = models.ColumnFloat
		default:
			return models.Errorf(models.KindInvalid, "%s: column %q is %s, and %s in the other files", where, columns[i].Name, b, a)
		}
	}
	return nil
}

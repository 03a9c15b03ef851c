package dataset

import (
	"context"
	"io"
	"os"
	"path"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dataset/table"
)

// Table opens the rows of a committed version, file after file in the order of
// paths. One that is no table is an error of kind invalid. The caller closes.
func (s *Service) Table(ctx context.Context, ref models.DatasetRef) (models.DatasetVersion, models.Table, error) {
	v, err := s.Committed(ctx, ref)
	if err != nil {
		return v, nil, err
	}
	if v.Format.Task() != models.TaskTable {
		return v, nil, models.Errorf(models.KindInvalid, "data set %s is no table: its format is %s", ref, v.Format)
	}
	files, err := s.Files(ctx, ref)
	if err != nil {
		return v, nil, err
	}
	return v, table.Open(v.Format, s.tableFiles(ctx, v.Format, files), v.Summary.Columns), nil
}

// tableFiles gives those of the files that are parts of the table.
func (s *Service) tableFiles(ctx context.Context, format models.DatasetFormat, files []models.DatasetFile) (parts []table.File) {
	for _, f := range files {
		if isTable(f, format) {
			parts = append(parts, table.File{
				Path: f.Path,
				Open: func() (io.ReadCloser, error) { return s.Read(ctx, f) },
				Disk: func() (*os.File, func(), error) { return s.onDisk(ctx, f) },
			})
		}
	}
	return parts
}

var tableForms = map[models.DatasetFormat][]string{
	models.FormatCSV:     {".csv", ".tsv"},
	models.FormatParquet: {".parquet", ".pq"},
}

func isTable(f models.DatasetFile, format models.DatasetFormat) bool {
	ext := strings.ToLower(path.Ext(f.Path))
	for _, form := range tableForms[format] {
		if ext == form {
			return true
		}
	}
	return false
}

// table finds the columns of a version's tables, and reads every row once where
// all is looked at.
func (r *reading) table(ctx context.Context, c *contents) error {
	parts := r.tableFiles(ctx, c.format, r.files)
	if len(parts) == 0 {
		return models.Errorf(models.KindInvalid, "format: %s needs a file that ends in %s", c.format, strings.Join(tableForms[c.format], " or "))
	}
	for _, f := range r.files {
		if len(f.Tags) > 0 {
			return models.Errorf(models.KindInvalid, "%s: tags are of images; a slice of a table goes by its columns", f.Path)
		}
	}
	columns, words, err := table.Infer(c.format, parts)
	if err != nil {
		return err
	}
	if c.columns, c.rows, err = table.Profile(table.Open(c.format, parts, columns)); err != nil {
		return err
	}
	if c.rows == 0 {
		return models.Errorf(models.KindInvalid, "%s: the table has no rows", parts[0].Path)
	}
	for _, column := range c.columns {
		switch {
		case column.Type == models.ColumnNested:
			c.found.add(nestedColumn, column.Name, "")
		case column.Missing == c.rows:
			c.found.add(emptyColumn, column.Name, "%d rows", c.rows)
		}
	}
	for _, name := range words {
		c.found.add(wordsMissing, name, "")
	}
	return nil
}

package table_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dataset/table"
)

// file makes a part of a table of bytes.
func file(t *testing.T, path string, data []byte) table.File {
	t.Helper()
	return table.File{
		Path: path,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
		Disk: func() (*os.File, func(), error) {
			name := filepath.Join(t.TempDir(), "part")
			if err := os.WriteFile(name, data, 0o600); err != nil {
				return nil, nil, err
			}
			f, err := os.Open(name)
			return f, func() { _ = f.Close() }, err
		},
	}
}

func rows(t *testing.T, format models.DatasetFormat, parts ...table.File) ([]models.Column, [][]any) {
	t.Helper()
	columns, _, err := table.Infer(format, parts)
	require.NoError(t, err)
	open := table.Open(format, parts, columns)
	var out [][]any
	for {
		row, err := open.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		out = append(out, append([]any(nil), row...))
	}
	require.NoError(t, open.Close())
	return columns, out
}

func TestTypesOfCSVColumns(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cells string // with spaces between them
		kind  models.ColumnType
		want  []any
	}{
		"whole numbers":                  {"1 -2 +3", models.ColumnInt, []any{int64(1), int64(-2), int64(3)}},
		"numbers":                        {"1 2.5 1e3 -inf", models.ColumnFloat, []any{1.0, 2.5, 1000.0, nil}},
		"codes with leading zeros":       {"007 12", models.ColumnText, []any{"007", "12"}},
		"ids beyond 64 bits":             {"12345678901234567890 1", models.ColumnText, []any{"12345678901234567890", "1"}},
		"truths":                         {"true False", models.ColumnBool, []any{true, false}},
		"days":                           {"2026-01-02 2026-03-04", models.ColumnTime, []any{time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)}},
		"a time with a zone":             {"2026-01-02T03:04:05+02:00", models.ColumnTime, []any{time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC)}},
		"words":                          {"bolt 1", models.ColumnText, []any{"bolt", "1"}},
		"missing numbers":                {"1 NA _ NaN null", models.ColumnInt, []any{int64(1), nil, nil, nil, nil}},
		"Namibia is no missing value":    {"NA DE _", models.ColumnText, []any{"NA", "DE", nil}},
		"nothing at all":                 {"_ _", models.ColumnFloat, []any{nil, nil}},
		"hexadecimal is no number":       {"0x1F 1", models.ColumnText, []any{"0x1F", "1"}},
		"a whole number that is 1.0 too": {"1 1.0", models.ColumnFloat, []any{1.0, 1.0}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "c,other\n"
			for _, cell := range strings.Fields(tt.cells) {
				text += strings.Replace(cell, "_", "", 1) + ",x\n"
			}
			columns, got := rows(t, models.FormatCSV, file(t, "a.csv", []byte(text)))
			require.Equal(t, tt.kind, columns[0].Type)
			for i, want := range tt.want {
				if want != nil || strings.Fields(tt.cells)[i] != "-inf" {
					require.Equal(t, want, got[i][0], "row %d", i)
				}
			}
		})
	}
}

func TestWaysToWriteCSV(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"commas":                 "a,b\n1,x y\n2,\n",
		"semicolons and a mark":  "\ufeffa;b\n1;x y\n2;\n",
		"tabs and Windows lines": "a\tb\r\n1\tx y\r\n2\t\r\n",
		"quotes":                 "\"a\",\"b\"\n\"1\",\"x y\"\n2,\"\"\n",
		"spaces around names":    " a , b\n1,x y\n2,\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			columns, got := rows(t, models.FormatCSV, file(t, "a.csv", []byte(text)))
			require.Equal(t, []models.Column{{Name: "a", Type: models.ColumnInt}, {Name: "b", Type: models.ColumnText}}, columns)
			require.Equal(t, [][]any{{int64(1), "x y"}, {int64(2), nil}}, got)
		})
	}
}

func TestSeveralFilesAreOneTable(t *testing.T) {
	t.Parallel()
	columns, got := rows(t, models.FormatCSV,
		file(t, "a.csv", []byte("x,y\n1,a\n")), file(t, "b.csv", []byte("y,x\nb,2.5\n")))
	require.Equal(t, []models.Column{{Name: "x", Type: models.ColumnFloat}, {Name: "y", Type: models.ColumnText}}, columns)
	require.Equal(t, [][]any{{1.0, "a"}, {2.5, "b"}}, got)
}

func TestFaultsOfTablesAreNamedWithTheirLine(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		format models.DatasetFormat
		files  []string
		want   string
	}{
		"nothing":                {models.FormatCSV, []string{""}, "0.csv: the file is empty"},
		"no names":               {models.FormatCSV, []string{"1,2\n3,4\n"}, "0.csv:1: the first line is all numbers"},
		"a name twice":           {models.FormatCSV, []string{"a,a\n"}, `0.csv:1: two columns are named "a"`},
		"a row too short":        {models.FormatCSV, []string{"a,b\n1,2\n3\n"}, "0.csv:3: the row has 1 values, and there are 2 columns"},
		"a quote within":         {models.FormatCSV, []string{"a,b\n1,x\"y\n"}, "0.csv:2: the row does not parse"},
		"another encoding":       {models.FormatCSV, []string{"a,b\n1,M\xfcller\n"}, "0.csv:2: the value of column 2 is no text in UTF-8"},
		"UTF-16":                 {models.FormatCSV, []string{"\xff\xfea\x00"}, "0.csv: this is UTF-16"},
		"a column that is gone":  {models.FormatCSV, []string{"a,b\n1,2\n", "a\n1\n"}, `1.csv: column "b" is missing`},
		"a column of one file":   {models.FormatCSV, []string{"a\n1\n", "a,b\n1,2\n"}, `1.csv: column "b" is in this file alone`},
		"no Parquet":             {models.FormatParquet, []string{"PAR1 not at all PAR1"}, "0.parquet: the file does not read as Parquet"},
		"nothing in a Parquet":   {models.FormatParquet, []string{""}, "0.parquet: the file does not read as Parquet"},
		"a Parquet that is text": {models.FormatParquet, []string{"a,b\n1,2\n"}, "0.parquet: the file does not read as Parquet"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var parts []table.File
			for i, text := range tt.files {
				parts = append(parts, file(t, string(rune('0'+i))+"."+string(tt.format), []byte(text)))
			}
			_, _, err := table.Infer(tt.format, parts)
			require.ErrorContains(t, err, tt.want)
			require.True(t, models.IsKind(err, models.KindInvalid))
		})
	}
}

func TestAQuoteThatIsNeverClosedEndsEarly(t *testing.T) {
	t.Parallel()
	endless := io.MultiReader(strings.NewReader("a,b\n1,\"x"), &zeros{})
	_, _, err := table.Infer(models.FormatCSV, []table.File{{Path: "a.csv", Open: func() (io.ReadCloser, error) { return io.NopCloser(endless), nil }}})
	require.ErrorContains(t, err, "a quote may not be closed")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

type part struct {
	ID      int64     `parquet:"id"`
	Width   *float32  `parquet:"width,optional"`
	Class   string    `parquet:"class,dict"`
	Good    bool      `parquet:"good"`
	Made    time.Time `parquet:"made,timestamp(millisecond)"`
	Small   uint32    `parquet:"small"`
	Price   int64     `parquet:"price,decimal(2:10)"`
	Several []int64   `parquet:"several"`
}

func written(t *testing.T, parts []part, options ...parquet.WriterOption) []byte {
	t.Helper()
	var buffer bytes.Buffer
	w := parquet.NewGenericWriter[part](&buffer, options...)
	_, err := w.Write(parts)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buffer.Bytes()
}

func TestParquet(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first := written(t, []part{
		{1, new(float32(0.5)), "bolt", true, made, 7, 1999, []int64{1, 2, 3}},
		{2, nil, "nut", false, made, 8, -5, nil},
	}, parquet.Compression(&parquet.Zstd))
	second := written(t, []part{{3, new(float32(1.5)), "nut", false, made, 9, 0, []int64{4}}}, parquet.Compression(&parquet.Snappy))
	columns, got := rows(t, models.FormatParquet, file(t, "a.parquet", first), file(t, "b.parquet", second))
	require.Equal(t, []models.Column{
		{Name: "id", Type: models.ColumnInt},
		{Name: "width", Type: models.ColumnFloat},
		{Name: "class", Type: models.ColumnText},
		{Name: "good", Type: models.ColumnBool},
		{Name: "made", Type: models.ColumnTime},
		{Name: "small", Type: models.ColumnInt},
		{Name: "price", Type: models.ColumnFloat},
		{Name: "several", Type: models.ColumnNested},
	}, columns)
	require.Equal(t, [][]any{
		{int64(1), 0.5, "bolt", true, made, int64(7), 19.99, nil},
		{int64(2), nil, "nut", false, made, int64(8), -0.05, nil},
		{int64(3), 1.5, "nut", false, made, int64(9), 0.0, nil},
	}, got)
}

func TestADamagedParquetIsAnErrorWhereverItIs(t *testing.T) {
	t.Parallel()
	whole := written(t, []part{{ID: 1, Class: "bolt"}, {ID: 2, Class: "nut"}})
	for at := 4; at < len(whole)-8; at += 3 {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0xff
		parts := []table.File{file(t, "a.parquet", damaged)}
		columns, _, err := table.Infer(models.FormatParquet, parts)
		if err == nil {
			_, _, err = table.Profile(table.Open(models.FormatParquet, parts, columns))
		}
		if err != nil { // a byte may also be one that nothing reads
			require.True(t, models.IsKind(err, models.KindInvalid), "byte %d: %v", at, err)
		}
	}
}

func TestAProfileTellsWhatATableHolds(t *testing.T) {
	t.Parallel()
	parts := []table.File{file(t, "a.csv", []byte("x,y\n1,a\n-3,\n,b\n2,a\n"))}
	columns, _, err := table.Infer(models.FormatCSV, parts)
	require.NoError(t, err)
	columns, n, err := table.Profile(table.Open(models.FormatCSV, parts, columns))
	require.NoError(t, err)
	require.EqualValues(t, 4, n)
	require.Equal(t, []models.Column{
		{Name: "x", Type: models.ColumnInt, Missing: 1, Min: new(-3.0), Max: new(2.0), Examples: []string{"1", "-3", "2"}},
		{Name: "y", Type: models.ColumnText, Missing: 1, Examples: []string{"a", "b"}},
	}, columns)
}

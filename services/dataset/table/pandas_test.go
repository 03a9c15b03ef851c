package table_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

// testdata/make_parquet.py wrote the file.
func TestWhatPandasWrites(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/pandas.parquet")
	require.NoError(t, err)
	columns, got := rows(t, models.FormatParquet, file(t, "pandas.parquet", data))
	require.Equal(t, []models.Column{
		{Name: "width", Type: models.ColumnFloat},
		{Name: "count", Type: models.ColumnInt},
		{Name: "small", Type: models.ColumnInt},
		{Name: "kind", Type: models.ColumnText},
		{Name: "note", Type: models.ColumnText},
		{Name: "good", Type: models.ColumnBool},
		{Name: "made", Type: models.ColumnTime},
		{Name: "zoned", Type: models.ColumnTime},
		{Name: "day", Type: models.ColumnTime},
		{Name: "price", Type: models.ColumnFloat},
		{Name: "several", Type: models.ColumnNested},
		{Name: "__index_level_0__", Type: models.ColumnInt},
	}, columns)
	zoned := time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC)
	require.Equal(t, [][]any{
		{
			0.5, int64(1), int64(1), "bolt", "Zürich", true, time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), zoned,
			time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), 19.99, nil, int64(10),
		},
		{nil, nil, int64(2), "nut", nil, nil, nil, zoned, nil, nil, nil, int64(20)},
		{
			2.0, int64(3), int64(255), "bolt", "", false, time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), zoned,
			time.Date(1960, 5, 6, 0, 0, 0, 0, time.UTC), -0.05, nil, int64(30),
		},
	}, got)
}

package models

// ColumnType is what the values of a column are.
type ColumnType string

// The types, with the Go type of a value that is there.
const (
	ColumnInt    ColumnType = "int"    // int64
	ColumnFloat  ColumnType = "float"  // float64
	ColumnBool   ColumnType = "bool"   // bool
	ColumnText   ColumnType = "text"   // string
	ColumnTime   ColumnType = "time"   // time.Time, in UTC
	ColumnNested ColumnType = "nested" // lists, maps and structs: always nil
)

// Column is a column of a table. All but its name and type is known of a
// committed version only.
type Column struct {
	Name     string     `json:"name"`
	Type     ColumnType `json:"type"`
	Missing  int64      `json:"missing"`            // rows without a value, or with a NaN
	Min      *float64   `json:"min,omitempty"`      // of numbers
	Max      *float64   `json:"max,omitempty"`      // of numbers
	Examples []string   `json:"examples,omitempty"` // the first few different values
}

// Table streams rows; memory does not grow with their number. One goroutine
// reads it.
type Table interface {
	// Columns gives the columns in the order of a row's values.
	Columns() []Column
	// Next gives the next row, io.EOF after the last one. A value that is missing
	// is nil; a NaN that the file holds as such is a NaN. The row is valid until
	// the next call.
	Next() ([]any, error)
	// Close releases what is open.
	Close() error
}

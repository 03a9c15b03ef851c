package table

import (
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/slipway-ml/slipway/models"
)

// parquetColumn reads the values of a leaf of a Parquet schema.
type parquetColumn struct {
	index int // of the column it belongs to
	kind  models.ColumnType
	read  func(parquet.Value) any // nil for a part of a nested column
}

// appendLeaves adds the leaves of a column, in the order of the schema.
func appendLeaves(leaves []parquetColumn, column *parquet.Column, index int) []parquetColumn {
	if column.Leaf() {
		leaf := parquetColumn{index: index}
		if len(column.Path()) == 1 && !column.Repeated() {
			leaf.kind, leaf.read = reader(column.Type())
		}
		return append(leaves, leaf)
	}
	for _, part := range column.Columns() {
		leaves = appendLeaves(leaves, part, index)
	}
	return leaves
}

// reader tells how values of a type are read: by what they mean where the file
// says it, else by how they are stored.
func reader(t parquet.Type) (models.ColumnType, func(parquet.Value) any) {
	if logical := t.LogicalType(); logical != nil {
		switch l := logical.Value.(type) {
		case *format.DecimalType:
			return models.ColumnFloat, decimal(t.Kind(), int(l.Scale))
		case *format.DateType:
			return models.ColumnTime, func(v parquet.Value) any { return time.Unix(int64(v.Int32())*24*60*60, 0).UTC() }
		case *format.TimestampType:
			return models.ColumnTime, timestamp(l.Unit)
		case *format.UUIDType:
			return models.ColumnText, func(v parquet.Value) any {
				id, _ := uuid.FromBytes(v.ByteArray()) // of 16 bytes, as the type says
				return id.String()
			}
		case *format.IntType:
			if !l.IsSigned {
				return unsigned(t.Kind())
			}
		case *format.Float16Type, *format.TimeType:
			return models.ColumnText, func(v parquet.Value) any { return v.String() }
		default:
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return models.ColumnBool, func(v parquet.Value) any { return v.Boolean() }
	case parquet.Int32:
		return models.ColumnInt, func(v parquet.Value) any { return int64(v.Int32()) }
	case parquet.Int64:
		return models.ColumnInt, func(v parquet.Value) any { return v.Int64() }
	case parquet.Float:
		return models.ColumnFloat, func(v parquet.Value) any { return float64(v.Float()) }
	case parquet.Double:
		return models.ColumnFloat, func(v parquet.Value) any { return v.Double() }
	case parquet.Int96: // of old writers: nanoseconds of the day, and the Julian day
		return models.ColumnTime, func(v parquet.Value) any {
			const epoch = 2440588
			i := v.Int96()
			nanos := int64(uint64(i[1])<<32 | uint64(i[0]))
			return time.Unix((int64(i[2])-epoch)*24*60*60, nanos).UTC()
		}
	default:
		return models.ColumnText, func(v parquet.Value) any {
			return strings.ToValidUTF8(string(v.ByteArray()), "\ufffd")
		}
	}
}

func unsigned(kind parquet.Kind) (models.ColumnType, func(parquet.Value) any) {
	if kind == parquet.Int32 {
		return models.ColumnInt, func(v parquet.Value) any { return int64(v.Uint32()) }
	}
	return models.ColumnFloat, func(v parquet.Value) any { return float64(v.Uint64()) } // int64 does not hold them all
}

func timestamp(unit format.TimeUnit) func(parquet.Value) any {
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		return func(v parquet.Value) any { return time.UnixMilli(v.Int64()).UTC() }
	case *format.NanoSeconds:
		return func(v parquet.Value) any { return time.Unix(0, v.Int64()).UTC() }
	default:
		return func(v parquet.Value) any { return time.UnixMicro(v.Int64()).UTC() }
	}
}

// decimal reads a number kept as a whole number of its last digit.
func decimal(kind parquet.Kind, scale int) func(parquet.Value) any {
	one := math.Pow10(scale)
	switch kind {
	case parquet.Int32:
		return func(v parquet.Value) any { return float64(v.Int32()) / one }
	case parquet.Int64:
		return func(v parquet.Value) any { return float64(v.Int64()) / one }
	default:
		return func(v parquet.Value) any { return twosComplement(v.ByteArray()) / one }
	}
}

// twosComplement reads a signed number of any length, its highest byte first.
func twosComplement(bytes []byte) float64 {
	n := new(big.Int).SetBytes(bytes)
	if len(bytes) > 0 && bytes[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(bytes))))
	}
	value, _ := new(big.Float).SetInt(n).Float64()
	return value
}

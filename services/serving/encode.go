package serving

import (
	"encoding/json"
	"math"
	"strconv"
)

// appendNested writes a tensor as nested lists by its shape.
func appendNested(out []byte, t Tensor) []byte {
	write := writer(t.Data)
	at := 0
	var level func(out []byte, dims []int64) []byte
	level = func(out []byte, dims []int64) []byte {
		if len(dims) == 0 {
			out = write(out, at, at+1)
			at++
			return out
		}
		out = append(out, '[')
		if len(dims) == 1 {
			out = write(out, at, at+int(dims[0]))
			at += int(dims[0])
			return append(out, ']')
		}
		for i := range dims[0] {
			if i > 0 {
				out = append(out, ',')
			}
			out = level(out, dims[1:])
		}
		return append(out, ']')
	}
	return level(out, t.Shape)
}

// appendFlat writes a tensor as one list.
func appendFlat(out []byte, t Tensor) []byte {
	n, _ := elements(t.Shape)
	out = append(out, '[')
	out = writer(t.Data)(out, 0, int(n))
	return append(out, ']')
}

// writer writes the elements from one place up to another, with commas. JSON
// has no NaN and no infinity: they are null.
func writer(data any) func(out []byte, from, to int) []byte {
	switch v := data.(type) {
	case []float32:
		return write(v, func(out []byte, f float32) []byte { return appendFloat(out, float64(f), 32) })
	case []float64:
		return write(v, func(out []byte, f float64) []byte { return appendFloat(out, f, 64) })
	case []bool:
		return write(v, strconv.AppendBool)
	case []string:
		return write(v, appendText)
	case []int8:
		return write(v, appendInt)
	case []int16:
		return write(v, appendInt)
	case []int32:
		return write(v, appendInt)
	case []int64:
		return write(v, appendInt)
	case []uint8:
		return write(v, appendUint)
	case []uint16:
		return write(v, appendUint)
	case []uint32:
		return write(v, appendUint)
	case []uint64:
		return write(v, appendUint)
	}
	panic("a tensor of an unknown type")
}

func write[T any](all []T, one func([]byte, T) []byte) func([]byte, int, int) []byte {
	return func(out []byte, from, to int) []byte {
		for i, v := range all[from:to] {
			if i > 0 {
				out = append(out, ',')
			}
			out = one(out, v)
		}
		return out
	}
}

func appendFloat(out []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(out, "null"...)
	}
	return strconv.AppendFloat(out, f, 'g', -1, bits)
}

func appendInt[T int8 | int16 | int32 | int64](out []byte, v T) []byte {
	return strconv.AppendInt(out, int64(v), 10)
}

func appendUint[T uint8 | uint16 | uint32 | uint64](out []byte, v T) []byte {
	return strconv.AppendUint(out, uint64(v), 10)
}

// appendText writes a JSON text; bytes that are no UTF-8 become U+FFFD.
func appendText(out []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		return append(out, `""`...)
	}
	return append(out, quoted...)
}

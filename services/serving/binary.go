package serving

import (
	"encoding/binary"
	"math"
)

// binaryHeader tells the length of the JSON that raw tensors follow.
const binaryHeader = "Inference-Header-Content-Length"

// tensorBytes are the raw tensors behind a request's JSON, in the order of
// inputs, little-endian.
type tensorBytes struct{ rest []byte }

// take reads the next size bytes as the data of t.
func (b *tensorBytes) take(t Tensor, size int64, field string) (any, error) {
	if size > int64(len(b.rest)) {
		return nil, invalid("%s: binary_data_size is %d, only %d bytes are left of the body", field, size, len(b.rest))
	}
	data := b.rest[:size]
	b.rest = b.rest[size:]
	n, err := elements(t.Shape)
	if err != nil {
		return nil, invalid("%s: %v", field, err)
	}
	width := map[Type]int64{Bool: 1, Int8: 1, Uint8: 1, Int16: 2, Uint16: 2, Int32: 4, Uint32: 4, FP32: 4, Int64: 8, Uint64: 8, FP64: 8}[t.Type]
	if width != 0 && (n > size || n*width != size) {
		return nil, invalid("%s: %d bytes, but %s of shape %v takes %d times %d", field, size, t.Type, t.Shape, n, width)
	}
	switch t.Type {
	case Bytes:
		return takeTexts(data, n, field)
	case Bool:
		out := make([]bool, n)
		for i, v := range data {
			out[i] = v != 0
		}
		return out, nil
	case Uint8:
		return data, nil
	case Int8:
		return decode(data, n, 1, func(b []byte) int8 { return int8(b[0]) }), nil
	case Int16:
		return decode(data, n, 2, func(b []byte) int16 { return int16(binary.LittleEndian.Uint16(b)) }), nil
	case Uint16:
		return decode(data, n, 2, binary.LittleEndian.Uint16), nil
	case Int32:
		return decode(data, n, 4, func(b []byte) int32 { return int32(binary.LittleEndian.Uint32(b)) }), nil
	case Uint32:
		return decode(data, n, 4, binary.LittleEndian.Uint32), nil
	case FP32:
		return decode(data, n, 4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }), nil
	case Int64:
		return decode(data, n, 8, func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }), nil
	case Uint64:
		return decode(data, n, 8, binary.LittleEndian.Uint64), nil
	case FP64:
		return decode(data, n, 8, func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }), nil
	}
	return nil, invalid("%s: datatype %q is not one that we carry", field, t.Type)
}

func decode[T any](data []byte, n int64, width int, one func([]byte) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = one(data[i*width : (i+1)*width])
	}
	return out
}

// takeTexts reads texts, each behind its length in four bytes.
func takeTexts(data []byte, n int64, field string) ([]string, error) {
	out := []string{}
	for len(data) >= 4 {
		size := uint64(binary.LittleEndian.Uint32(data))
		if size > uint64(len(data)-4) {
			break
		}
		out = append(out, string(data[4:4+size]))
		data = data[4+size:]
	}
	if len(data) > 0 || int64(len(out)) != n {
		return nil, invalid("%s: the binary data holds %d whole texts, the shape means %d", field, len(out), n)
	}
	return out, nil
}

// appendBinary writes a tensor's data raw.
func appendBinary(out []byte, t Tensor) []byte {
	if texts, ok := t.Data.([]string); ok {
		for _, s := range texts {
			out = append(binary.LittleEndian.AppendUint32(out, uint32(len(s))), s...)
		}
		return out
	}
	out, err := binary.Append(out, binary.LittleEndian, t.Data)
	if err != nil { // only for types that no Tensor holds
		panic(err)
	}
	return out
}

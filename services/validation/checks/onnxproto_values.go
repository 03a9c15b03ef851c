package checks

import (
	"fmt"
	"strings"
)

// value is an input or an output of the graph as the file declares it.
type value struct {
	Name string
	Type string
	Dims []string // numbers, symbols, or ? where nothing is said
	Free bool     // not even their number is said
}

// String describes it, such as images FLOAT [batch,3,160,160].
func (v value) String() string {
	if v.Free {
		return v.Name + " " + v.Type + " of any shape"
	}
	return fmt.Sprintf("%s %s [%s]", v.Name, v.Type, strings.Join(v.Dims, ","))
}

// elementTypes are the names of TensorProto.DataType.
var elementTypes = map[uint64]string{
	1: "FLOAT", 2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 6: "INT32", 7: "INT64", 8: "STRING", 9: "BOOL",
	10: "FLOAT16", 11: "DOUBLE", 12: "UINT32", 13: "UINT64", 14: "COMPLEX64", 15: "COMPLEX128", 16: "BFLOAT16",
}

// value reads a ValueInfoProto.
func readValue(data []byte) (value, error) {
	v := value{Type: "no tensor", Free: true}
	err := each(data, func(field int, _ uint64, bytes []byte) error {
		switch field {
		case 1:
			v.Name = string(bytes)
		case 2:
			return each(bytes, func(field int, _ uint64, bytes []byte) error {
				if field == 1 {
					return v.tensor(bytes)
				}
				return nil
			})
		}
		return nil
	})
	return v, err
}

func (v *value) tensor(data []byte) error {
	return each(data, func(field int, number uint64, bytes []byte) error {
		switch field {
		case 1:
			v.Type = elementTypes[number]
			if v.Type == "" {
				v.Type = fmt.Sprintf("type %d", number)
			}
		case 2:
			v.Free = false
			return each(bytes, func(_ int, _ uint64, bytes []byte) error { return v.dim(bytes) })
		}
		return nil
	})
}

func (v *value) dim(data []byte) error {
	dim := "?"
	err := each(data, func(field int, number uint64, bytes []byte) error {
		switch field {
		case 1:
			dim = fmt.Sprint(int64(number))
		case 2:
			dim = string(bytes)
		}
		return nil
	})
	v.Dims = append(v.Dims, dim)
	return err
}

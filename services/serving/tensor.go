package serving

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Type is an element type, by its Open Inference Protocol name.
type Type string

// The element types that we carry, and the Go slice that Tensor.Data holds.
const (
	Bool   Type = "BOOL"   // []bool
	Uint8  Type = "UINT8"  // []uint8
	Uint16 Type = "UINT16" // []uint16
	Uint32 Type = "UINT32" // []uint32
	Uint64 Type = "UINT64" // []uint64
	Int8   Type = "INT8"   // []int8
	Int16  Type = "INT16"  // []int16
	Int32  Type = "INT32"  // []int32
	Int64  Type = "INT64"  // []int64
	FP32   Type = "FP32"   // []float32
	FP64   Type = "FP64"   // []float64
	Bytes  Type = "BYTES"  // []string
)

// Tensor is a named array, row-major.
type Tensor struct {
	Name  string
	Type  Type
	Shape []int64
	Data  any
}

// Spec is what a model says of one input or output.
type Spec struct {
	Name string
	Type Type
	Dims []Dim
	Free bool // the file gives no rank
}

// Dim is one dimension of a Spec: a size, or -1 with a symbol that stands for
// the same size wherever it is used ("" stands for itself only).
type Dim struct {
	Size   int64
	Symbol string
}

// Shape is the spec's sizes, -1 where they are open.
func (s Spec) Shape() []int64 {
	shape := make([]int64, len(s.Dims))
	for i, d := range s.Dims {
		shape[i] = d.Size
	}
	return shape
}

// room is how many elements it takes, open sizes counted as 1.
func (s Spec) room() int {
	n := 1
	for _, d := range s.Dims {
		n *= int(min(max(d.Size, 1), 1<<16))
		n = min(n, 1<<32)
	}
	return n
}

// Info describes a loaded model.
type Info struct {
	Inputs, Outputs []Spec
	Metadata        map[string]string // the file's own properties
	IRVersion       int64
	Opsets          map[string]int64 // by domain; "ai.onnx" for the standard one
}

// Runner runs a model: inputs in the order of Info.Inputs, outputs in that of
// Info.Outputs. It stops when the context ends, and may be called from many
// goroutines at once. Every error of it is the model's failure.
type Runner interface {
	Run(ctx context.Context, inputs []Tensor) ([]Tensor, error)
}

// elements is the number of elements of a shape; an error when it overflows.
func elements(shape []int64) (int64, error) {
	n := int64(1)
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v has a negative size", shape)
		}
		if d > 0 && n > math.MaxInt64/d {
			return 0, fmt.Errorf("shape %v is too large", shape)
		}
		n *= d
	}
	return n, nil
}

// checkInputs refuses what does not fit the model: an input that is missing,
// unknown, given twice, or of another type or shape. It gives them back in the
// model's order. field leads the messages ("inputs").
func (in Info) checkInputs(given []Tensor, field string) ([]Tensor, error) {
	ordered := make([]Tensor, len(in.Inputs))
	sizes := map[string]int64{}
	for _, t := range given {
		i := slices.IndexFunc(in.Inputs, func(s Spec) bool { return s.Name == t.Name })
		if i < 0 {
			return nil, invalid("%s: the model has no input %q; its inputs are %s", field, t.Name, names(in.Inputs))
		}
		if ordered[i].Data != nil {
			return nil, invalid("%s: input %q is given twice", field, t.Name)
		}
		if err := in.Inputs[i].check(t, sizes); err != nil {
			return nil, invalid("%s.%s: %v", field, t.Name, err)
		}
		ordered[i] = t
	}
	for i, s := range in.Inputs {
		if ordered[i].Data == nil {
			return nil, invalid("%s: input %q is missing; the model's inputs are %s", field, s.Name, names(in.Inputs))
		}
	}
	return ordered, nil
}

// check compares a tensor with the spec; sizes remembers the symbols.
func (s Spec) check(t Tensor, sizes map[string]int64) error {
	if t.Type != s.Type {
		return fmt.Errorf("the model takes %s, not %s", s.Type, t.Type)
	}
	if s.Free {
		return nil
	}
	if len(t.Shape) != len(s.Dims) {
		return fmt.Errorf("the shape is %v, the model takes %s", t.Shape, s.words())
	}
	for i, d := range s.Dims {
		got := t.Shape[i]
		if got == 0 && d.Size != 0 {
			return fmt.Errorf("the shape %v is empty", t.Shape)
		}
		if d.Size >= 0 && got != d.Size {
			return fmt.Errorf("the shape is %v, the model takes %s", t.Shape, s.words())
		}
		if d.Symbol == "" {
			continue
		}
		if size, seen := sizes[d.Symbol]; seen && size != got {
			return fmt.Errorf("the shape is %v, but %q is %d elsewhere in this request", t.Shape, d.Symbol, size)
		}
		sizes[d.Symbol] = got
	}
	return nil
}

// words shows a shape with its symbols: [batch,3,160,160].
func (s Spec) words() string {
	parts := make([]string, len(s.Dims))
	for i, d := range s.Dims {
		switch {
		case d.Size >= 0:
			parts[i] = fmt.Sprint(d.Size)
		case d.Symbol != "":
			parts[i] = d.Symbol
		default:
			parts[i] = "?"
		}
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func names(specs []Spec) string {
	list := make([]string, len(specs))
	for i, s := range specs {
		list[i] = fmt.Sprintf("%q", s.Name)
	}
	return strings.Join(list, ", ")
}

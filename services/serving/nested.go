package serving

import (
	"fmt"
	"math"
	"slices"
)

// readTensor reads nested lists of one type; the shape is theirs. A null among
// floats is NaN, as NaN is written as null. room is how many elements the model
// takes, where that is known.
func readTensor(c *cursor, field string, typ Type, room int) (Tensor, error) {
	t := Tensor{Type: typ}
	f, err := newFiller(typ, min(room, (len(c.data)-c.at)/2)) // an element takes two bytes or more
	if err != nil {
		return t, err
	}
	n := nest{cursor: c, fill: f, leaf: -1}
	if err := n.value(0); err != nil {
		return t, placed(field, err)
	}
	t.Shape, t.Data = n.shape, f.data()
	return t, nil
}

// filler collects elements of one type.
type filler interface {
	// run takes elements up to the end of a list, as many as stand there.
	run(c *cursor) (int, error)
	// one takes one element.
	one(c *cursor) error
	data() any
}

type elementsOf[T any] struct {
	all  []T
	read func(c *cursor) (T, error)
}

func (e *elementsOf[T]) one(c *cursor) error {
	v, err := e.read(c)
	if err != nil {
		return err
	}
	e.all = append(e.all, v)
	return nil
}

// run is the hot loop over the innermost lists.
func (e *elementsOf[T]) run(c *cursor) (int, error) {
	for n := 0; ; n++ {
		v, err := e.read(c)
		if err != nil {
			return n, placed(fmt.Sprintf("[%d]", n), err)
		}
		e.all = append(e.all, v)
		switch c.token() {
		case ',':
			c.at++
		case ']':
			return n + 1, nil
		default:
			return n, c.expect(',')
		}
	}
}

func (e *elementsOf[T]) data() any {
	if e.all == nil {
		e.all = []T{}
	}
	return e.all
}

func newFiller(typ Type, room int) (filler, error) {
	switch typ {
	case FP32:
		return &elementsOf[float32]{all: make([]float32, 0, room), read: func(c *cursor) (float32, error) {
			if c.null() {
				return float32(math.NaN()), nil
			}
			return c.float32("")
		}}, nil
	case FP64:
		return &elementsOf[float64]{all: make([]float64, 0, room), read: func(c *cursor) (float64, error) {
			if c.null() {
				return math.NaN(), nil
			}
			return c.float64("")
		}}, nil
	case Bytes:
		return &elementsOf[string]{read: func(c *cursor) (string, error) { return c.text("") }}, nil
	case Bool:
		return &elementsOf[bool]{read: (*cursor).truth}, nil
	case Int8:
		return integers[int8](typ, math.MinInt8, math.MaxInt8), nil
	case Int16:
		return integers[int16](typ, math.MinInt16, math.MaxInt16), nil
	case Int32:
		return integers[int32](typ, math.MinInt32, math.MaxInt32), nil
	case Int64:
		return integers[int64](typ, math.MinInt64, math.MaxInt64), nil
	case Uint8:
		return integers[uint8](typ, 0, math.MaxUint8), nil
	case Uint16:
		return integers[uint16](typ, 0, math.MaxUint16), nil
	case Uint32:
		return integers[uint32](typ, 0, math.MaxUint32), nil
	case Uint64:
		return integers[uint64](typ, 0, math.MaxUint64), nil
	}
	return nil, invalid("datatype %q is not one that we carry", typ)
}

func integers[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64](typ Type, low int64, high uint64) filler {
	return &elementsOf[T]{read: func(c *cursor) (T, error) {
		negative, magnitude, err := c.integer("", low, high, typ)
		if negative {
			return T(-int64(magnitude)), err
		}
		return T(magnitude), err
	}}
}

func (c *cursor) null() bool { return c.token() == 'n' && c.word("null") }

func (c *cursor) truth() (bool, error) {
	switch {
	case c.word("true"):
		return true, nil
	case c.word("false"):
		return false, nil
	}
	return false, invalid("true or false expected at %s", c.what())
}

// nest walks nested lists and learns their shape; ragged ones are refused.
type nest struct {
	*cursor
	fill  filler
	shape []int64 // sizes by depth, -1 until the first list of it has ended
	leaf  int     // the depth of elements; -1 until the first is seen
}

func (n *nest) value(depth int) error {
	if n.token() != '[' {
		if n.leaf >= 0 && n.leaf != depth || n.leaf < 0 && len(n.shape) > depth {
			return invalid("an element where its neighbours are lists, at %s", n.what())
		}
		n.leaf = depth
		return n.fill.one(n.cursor)
	}
	if n.leaf >= 0 && depth >= n.leaf {
		return invalid("a list where its neighbours are elements, at %s", n.what())
	}
	if depth >= maxDepth {
		return invalid("nested deeper than %d", maxDepth)
	}
	n.at++
	if len(n.shape) == depth {
		n.shape = append(n.shape, -1)
	}
	count, err := n.items(depth)
	if err != nil {
		return err
	}
	n.at++
	if n.shape[depth] < 0 {
		n.shape[depth] = int64(count)
	}
	if n.shape[depth] != int64(count) {
		return invalid("lists of different lengths side by side: %d and %d", n.shape[depth], count)
	}
	return nil
}

func (n *nest) items(depth int) (int, error) {
	switch first := n.token(); {
	case first == ']':
		return 0, nil
	case first != '[':
		if n.leaf >= 0 && n.leaf != depth+1 || n.leaf < 0 && len(n.shape) > depth+1 {
			return 0, invalid("an element where its neighbours are lists, at %s", n.what())
		}
		n.leaf = depth + 1
		return n.fill.run(n.cursor)
	}
	for i := 0; ; i++ {
		if err := n.value(depth + 1); err != nil {
			return i, placed(fmt.Sprintf("[%d]", i), err)
		}
		if n.token() == ']' {
			return i + 1, nil
		}
		if err := n.expect(','); err != nil {
			return i, err
		}
	}
}

// placed puts a place before an error's message: field, then [index]es.
func placed(place string, err error) error {
	f := faultOf(err)
	message := f.message
	switch {
	case message != "" && message[0] == '[':
	default:
		message = ": " + trimBody(message)
	}
	return &fault{status: f.status, code: f.code, message: place + message, cause: f.cause}
}

// trimBody drops the name of an unnamed field, which a place replaces.
func trimBody(message string) string {
	const unnamed = "the body: "
	if len(message) > len(unnamed) && message[:len(unnamed)] == unnamed {
		return message[len(unnamed):]
	}
	return message
}

// reshape gives a flat or nested tensor the shape that a request names.
func (t *Tensor) reshape(shape []int64, field string) error {
	want, err := elements(shape)
	if err != nil {
		return invalid("%s.shape: %v", field, err)
	}
	have, err := elements(t.Shape)
	if err != nil || have != want {
		return invalid("%s: shape %v means %d elements, data has %d", field, shape, want, have)
	}
	if len(t.Shape) > 1 && !slices.Equal(t.Shape, shape) {
		return invalid("%s: data is nested as %v, shape says %v", field, t.Shape, shape)
	}
	t.Shape = shape
	return nil
}

package checks_test

import "google.golang.org/protobuf/encoding/protowire"

// made describes a small ONNX model: x of FP32 goes through the operators, one
// after the other, and becomes y.
type made struct {
	ir, opset int64
	operators []string
	domain    string  // of the operators; "" for ONNX's own
	dims      []int64 // of x and y; -1: open
	external  string  // file that holds an initializer nobody uses
}

// onnx writes the model; the numbers are those of onnx.proto.
func (m made) onnx() string {
	if m.ir == 0 {
		m.ir = 8
	}
	if m.opset == 0 {
		m.opset = 17
	}
	if m.dims == nil {
		m.dims = []int64{1, 4}
	}
	var graph message
	from := "x"
	for i, operator := range m.operators {
		to := "t" + string(rune('a'+i))
		if i == len(m.operators)-1 {
			to = "y"
		}
		node := message{}.text(1, from).text(2, to).text(4, operator)
		if m.domain != "" {
			node = node.text(7, m.domain)
		}
		graph = graph.text(1, string(node))
		from = to
	}
	graph = graph.text(2, "g")
	if m.external != "" {
		place := message{}.text(1, "location").text(2, m.external)
		length := message{}.text(1, "length").text(2, "16")
		tensor := message{}.number(1, 4).number(2, 1).text(8, "w").text(13, string(place)).text(13, string(length)).number(14, 1)
		graph = graph.text(5, string(tensor))
	}
	graph = graph.text(11, m.value("x")).text(12, m.value("y"))
	opset := message{}.text(1, "").number(2, m.opset)
	model := message{}.number(1, m.ir).text(7, string(graph)).text(8, string(opset))
	if m.domain != "" {
		model = model.text(8, string(message{}.text(1, m.domain).number(2, 1)))
	}
	return string(model)
}

func (m made) value(name string) string {
	var shape message
	for _, n := range m.dims {
		dim := message{}.number(1, n)
		if n < 0 {
			dim = message{}.text(2, "n")
		}
		shape = shape.text(1, string(dim))
	}
	tensor := message{}.number(1, 1).text(2, string(shape))
	return string(message{}.text(1, name).text(2, string(message{}.text(1, string(tensor)))))
}

// mixing is a model of FP32 [symbol,4] that shares its rows out: a softmax over
// an axis, or, with axis 1, a reshape to one row.
func mixing(symbol string, axis int64) string {
	dims := string(message{}.text(1, string(message{}.text(2, symbol))).text(1, string(message{}.number(1, 4))))
	value := func(name string) string {
		return string(message{}.text(1, name).text(2, string(message{}.text(1, string(message{}.number(1, 1).text(2, dims))))))
	}
	node := message{}.text(1, "x").text(2, "y").text(4, "Softmax").
		text(5, string(message{}.text(1, "axis").number(3, 0).number(20, 2)))
	graph := message{}
	if axis == 1 {
		shape := message{}.number(1, 2).number(2, 7).text(8, "s").number(7, 1).number(7, 4)
		node = message{}.text(1, "x").text(1, "s").text(2, "y").text(4, "Reshape")
		graph = graph.text(5, string(shape))
	}
	graph = graph.text(1, string(node)).text(2, "g").text(11, value("x")).text(12, value("y"))
	return string(message{}.number(1, 8).text(7, string(graph)).text(8, string(message{}.text(1, "").number(2, 17))))
}

type message []byte

func (m message) number(field protowire.Number, v int64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), uint64(v))
}

func (m message) text(field protowire.Number, v string) message {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), v)
}

package checks

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
)

// maxElements bounds made-up input.
const maxElements = 16 << 20

// noise is made-up input: 0 to 1 in floats, 0 or 1 in whole numbers.
type noise struct {
	inputs []tensor
	guess  int64 // for open dimensions; 0: none had to be guessed
}

// tensor is an input or an output with its bytes.
type tensor struct {
	Name     string
	Datatype string
	Shape    []int64
	raw      []byte
}

// noises gives inputs to try: more than one where dimensions other than the
// first, which is the batch, are open and neither an example nor the metadata
// tells them. The same model is asked the same each time.
func noises(inputs []input, shapes map[string][]int64, metadata map[string]string, rows int) []noise {
	var all []noise
	for _, size := range sizes(inputs, shapes, metadata) {
		if n, ok := makeNoise(inputs, shapes, size, rows); ok {
			all = append(all, n)
		}
	}
	return all
}

// known gives the shape of an input in the example, where it has its rank.
func (in input) known(shapes map[string][]int64) []int64 {
	shape, ok := shapes[in.Name]
	if !ok {
		shape = shapes[""]
	}
	if len(shape) != len(in.Shape) {
		return nil
	}
	return shape
}

// sizes gives what to try for open dimensions; 0 where none has to be guessed.
func sizes(inputs []input, shapes map[string][]int64, metadata map[string]string) []int64 {
	open := false
	for _, in := range inputs {
		for i, n := range in.Shape {
			open = open || i > 0 && n < 0 && in.known(shapes) == nil
		}
	}
	if !open {
		return []int64{0}
	}
	all := []int64{640, 224, 64, 16, 1}
	var exported []int64
	if json.Unmarshal([]byte(metadata["imgsz"]), &exported) == nil && len(exported) > 0 && exported[0] > 0 {
		all = append([]int64{exported[0]}, all...)
	}
	return all
}

func makeNoise(inputs []input, shapes map[string][]int64, guess int64, rows int) (noise, bool) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // noise, no secret
	made := noise{guess: guess}
	for _, in := range inputs {
		known := in.known(shapes)
		t := tensor{Name: in.Name, Datatype: in.Datatype, Shape: make([]int64, len(in.Shape))}
		elements := int64(1)
		for i, n := range in.Shape {
			switch {
			case i == 0 && n >= 0 && rows > 1 && n != int64(rows):
				return made, false // it takes no such batch
			case n >= 0:
				t.Shape[i] = n
			case i == 0:
				t.Shape[i] = int64(rows)
			case known != nil:
				t.Shape[i] = known[i]
			default:
				t.Shape[i] = guess
			}
			if elements *= t.Shape[i]; elements > maxElements {
				return made, false
			}
		}
		for range elements {
			t.raw = appendNoise(t.raw, in.Datatype, random)
		}
		made.inputs = append(made.inputs, t)
	}
	return made, true
}

// row is one row of the noise.
func (n noise) row(i int) noise {
	one := noise{guess: n.guess}
	for _, t := range n.inputs {
		width := len(t.raw) / int(t.Shape[0])
		t.raw = t.raw[i*width : (i+1)*width]
		t.Shape = append([]int64{1}, t.Shape[1:]...)
		one.inputs = append(one.inputs, t)
	}
	return one
}

// question asks it in the Open Inference Protocol, with raw tensors both ways.
func (n noise) question(model string) question {
	var described []map[string]any
	var tail []byte
	var words []string
	for _, t := range n.inputs {
		described = append(described, map[string]any{
			"name": t.Name, "datatype": t.Datatype, "shape": t.Shape, "parameters": map[string]any{"binary_data_size": len(t.raw)},
		})
		tail = append(tail, t.raw...)
		words = append(words, strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ","))
	}
	head, err := json.Marshal(map[string]any{"inputs": described, "parameters": map[string]any{"binary_data_output": true}})
	if err != nil {
		panic(err) // texts and numbers encode
	}
	return question{
		what: "uniform noise of shape " + strings.Join(words, ", "), sure: n.guess == 0, path: modelPath(model) + "/infer", body: append(head, tail...),
		header: http.Header{"Content-Type": {"application/octet-stream"}, binaryHeader: {strconv.Itoa(len(head))}},
	}
}

// binaryHeader tells the length of the JSON that raw tensors follow.
const binaryHeader = "Inference-Header-Content-Length"

func appendNoise(out []byte, datatype string, random *rand.Rand) []byte {
	switch datatype {
	case "FP32":
		return binary.LittleEndian.AppendUint32(out, math.Float32bits(random.Float32()))
	case "FP64":
		return binary.LittleEndian.AppendUint64(out, math.Float64bits(random.Float64()))
	case "INT64", "UINT64":
		return binary.LittleEndian.AppendUint64(out, random.Uint64N(2))
	case "INT32", "UINT32":
		return binary.LittleEndian.AppendUint32(out, random.Uint32N(2))
	case "INT16", "UINT16":
		return binary.LittleEndian.AppendUint16(out, uint16(random.Uint32N(2)))
	case "BYTES":
		return append(binary.LittleEndian.AppendUint32(out, 1), 'a')
	default: // of one byte: BOOL, INT8, UINT8
		return append(out, byte(random.Uint32N(2)))
	}
}

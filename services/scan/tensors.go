package scan

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// isSafetensors knows the length of a header of JSON, or the name.
func isSafetensors(it item, head []byte) bool {
	if it.ext() == ".safetensors" {
		return true
	}
	if len(head) < 10 || head[8] != '{' || head[9] != '"' {
		return false
	}
	n := binary.LittleEndian.Uint64(head)
	return n > 1 && n < uint64(it.size)
}

// safetensors holds a header against the file: each tensor inside, none over
// another, nothing between and behind.
func (s *Scanner) safetensors(it item, head []byte) error {
	wrong := func(format string, args ...any) error {
		s.note(it, models.RuleTensorsMalformed, damagedRemedy, format, args...)
		return nil
	}
	if len(head) < 8 {
		return wrong("the safetensors file has no header")
	}
	n := binary.LittleEndian.Uint64(head)
	if n > 100<<20 || n > uint64(it.size-8) {
		return wrong("the safetensors header says that it has %d bytes", n)
	}
	text, err := it.part(8, int64(n)).all(100 << 20)
	if err != nil {
		return err
	}
	var tensors map[string]json.RawMessage
	if err := json.Unmarshal(text, &tensors); err != nil {
		return wrong("the safetensors header is no JSON: %v", err)
	}
	type span struct {
		name     string
		from, to int64
	}
	var spans []span
	for name, raw := range tensors {
		if name == "__metadata__" {
			var metadata map[string]string
			if json.Unmarshal(raw, &metadata) != nil {
				return wrong("the safetensors metadata holds more than text")
			}
			continue
		}
		var t struct {
			Offsets []int64 `json:"data_offsets"`
		}
		if json.Unmarshal(raw, &t) != nil || len(t.Offsets) != 2 || t.Offsets[0] < 0 || t.Offsets[1] < t.Offsets[0] {
			return wrong("the tensor %q has no place that holds", name)
		}
		spans = append(spans, span{name, t.Offsets[0], t.Offsets[1]})
	}
	sort.Slice(spans, func(i, j int) bool {
		return spans[i].from < spans[j].from || (spans[i].from == spans[j].from && spans[i].to < spans[j].to)
	})
	end := int64(0)
	for _, sp := range spans {
		if sp.from != end {
			return wrong("the tensor %q begins at %d, where %d is due: tensors overlap or leave a hole", sp.name, sp.from, end)
		}
		end = sp.to
	}
	if rest := it.size - 8 - int64(n) - end; rest != 0 {
		return wrong("the safetensors header describes %d bytes, and the file has %d", end, it.size-8-int64(n))
	}
	return nil
}

// onnx looks at where a model's tensors lie.
func (s *Scanner) onnx(it item, _ []byte) error {
	w := protoWalk{src: it.source, tensor: func(location string) {
		if escapes(location) || strings.Contains(location, "://") {
			s.note(it, models.RuleONNXExternalData, "save the model again with its data beside it", "a tensor lies in %q, outside the model's folder", location)
		}
	}}
	if err := w.walk(0, it.size, "model", 0); err != nil {
		if errors.Is(err, errProto) {
			s.note(it, models.RuleTensorsMalformed, damagedRemedy, "it is no ONNX model: %v", err)
			return nil
		}
		return err
	}
	return nil
}

var errProto = errors.New("it does not parse")

// protoWalk goes through a protobuf message without reading what it does not
// need: tensors' bytes are jumped over.
type protoWalk struct {
	src    source
	tensor func(location string)
	op     func(name string)
}

// protoFields names, of each message, the fields to go into.
var protoFields = map[string]map[uint64]string{
	"model": {7: "graph", 25: "function", 20: "training"}, "training": {1: "graph", 2: "graph"}, "function": {7: "node"},
	"graph": {1: "node", 5: "tensor", 15: "sparse"}, "sparse": {1: "tensor", 2: "tensor"}, "node": {5: "attribute"},
	"attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"}, "tensor": {13: "external"},
	"external": {1: "key", 2: "value"},
	// TensorFlow's SavedModel
	"saved": {2: "meta"}, "meta": {2: "graphdef"}, "graphdef": {1: "nodedef", 2: "library"}, "library": {1: "functiondef"},
	"functiondef": {3: "nodedef"}, "nodedef": {2: "op"},
}

func (w protoWalk) walk(at, end int64, kind string, depth int) error {
	if depth > 60 {
		return fmt.Errorf("%w: it is nested too deep", errProto)
	}
	var key, value string
	for at < end {
		tag, n, err := w.varint(at, end)
		if err != nil {
			return err
		}
		at += n
		size := int64(0)
		switch tag & 7 {
		case 0:
			_, n, err := w.varint(at, end)
			if err != nil {
				return err
			}
			at += n
			continue
		case 1:
			at += 8
			continue
		case 5:
			at += 4
			continue
		case 2:
			v, n, err := w.varint(at, end)
			if err != nil {
				return err
			}
			if at += n; v > uint64(end-at) {
				return fmt.Errorf("%w: a field of %d bytes goes beyond the end", errProto, v)
			}
			size = int64(v)
		default:
			return fmt.Errorf("%w: there is no wire type %d", errProto, tag&7)
		}
		switch inner := protoFields[kind][tag>>3]; inner {
		case "":
		case "key", "value", "op":
			text, err := w.src.part(at, min(size, 4096)).all(4096)
			if err != nil {
				return err
			}
			switch inner {
			case "key":
				key = string(text)
			case "value":
				value = string(text)
			case "op":
				w.op(string(text))
			}
		default:
			if err := w.walk(at, at+size, inner, depth+1); err != nil {
				return err
			}
		}
		at += size
	}
	if kind == "external" && key == "location" && w.tensor != nil {
		w.tensor(value)
	}
	if at > end {
		return fmt.Errorf("%w: a field goes beyond the end", errProto)
	}
	return nil
}

func (w protoWalk) varint(at, end int64) (v uint64, n int64, err error) {
	b := make([]byte, min(10, max(end-at, 0)))
	got, err := w.src.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, err
	}
	v, size := binary.Uvarint(b[:got])
	if size <= 0 {
		return 0, 0, fmt.Errorf("%w: a number is cut off", errProto)
	}
	return v, int64(size), nil
}

// isSavedModel knows TensorFlow's graph by its name.
func isSavedModel(it item, _ []byte) bool {
	return strings.HasSuffix(it.name, "saved_model.pb") || strings.HasSuffix(it.name, "keras_metadata.pb")
}

// tensorFlowOps are operators that reach out of a graph.
var tensorFlowOps = map[string]string{
	"ReadFile": "reads files", "WriteFile": "writes files", "MatchingFiles": "lists files", "PyFunc": "calls Python", "PyFuncStateless": "calls Python",
	"EagerPyFunc": "calls Python", "ImmutableConst": "reads files", "PrintV2": "writes files",
}

func (s *Scanner) savedModel(it item, _ []byte) error {
	if strings.HasSuffix(it.name, "keras_metadata.pb") {
		return s.hdf5(it, nil) // JSON in a message: found as in HDF5
	}
	w := protoWalk{src: it.source, op: func(name string) {
		if does, ok := tensorFlowOps[name]; ok {
			s.note(it, models.RuleTensorFlowOp, "export the model without it; a graph with it can do so wherever it is served", "the graph holds the operator %s, which %s", name, does)
		}
	}}
	if err := w.walk(0, it.size, "saved", 0); err != nil {
		if errors.Is(err, errProto) {
			s.note(it, models.RuleTensorsMalformed, damagedRemedy, "it is no TensorFlow graph: %v", err)
			return nil
		}
		return err
	}
	return nil
}

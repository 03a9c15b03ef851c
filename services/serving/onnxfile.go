package serving

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"google.golang.org/protobuf/encoding/protowire"
)

// ReadInfo reads what an ONNX file says of itself: inputs and outputs with
// their symbols, opsets and properties. It looks at the headers only, so a
// large file costs no memory. An error says that the file is no ONNX, is cut
// off, or has an input or output that is no tensor of a type we carry.
func ReadInfo(path string) (Info, error) {
	file, err := os.Open(path)
	if err != nil {
		return Info{}, err
	}
	defer file.Close()
	stat, err := file.Stat()
	if err != nil {
		return Info{}, err
	}
	if stat.Size() == 0 || stat.Size() != int64(int(stat.Size())) {
		return Info{}, fmt.Errorf("%d bytes long", stat.Size())
	}
	data, err := syscall.Mmap(int(file.Fd()), 0, int(stat.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return Info{}, fmt.Errorf("map %s: %w", path, err)
	}
	defer syscall.Munmap(data) //nolint:errcheck // nothing to be done
	return parseModel(data)
}

// parseModel reads a ModelProto; the numbers are those of onnx.proto.
func parseModel(data []byte) (Info, error) {
	info := Info{Metadata: map[string]string{}, Opsets: map[string]int64{}}
	var graph []byte
	err := fields(data, func(number int, f field) {
		switch number {
		case 1:
			info.IRVersion = int64(f.number)
		case 7:
			graph = f.bytes
		case 8:
			domain, version := "ai.onnx", int64(0)
			f.each(func(number int, f field) {
				if number == 1 && len(f.bytes) > 0 {
					domain = string(f.bytes)
				} else if number == 2 {
					version = int64(f.number)
				}
			})
			info.Opsets[domain] = version
		case 14:
			var pair [3]string
			f.each(func(number int, f field) {
				if number == 1 || number == 2 {
					pair[number] = string(f.bytes)
				}
			})
			info.Metadata[pair[1]] = pair[2]
		}
	})
	if err != nil {
		return Info{}, fmt.Errorf("cut off or no ONNX: %w", err)
	}
	if graph == nil || info.IRVersion == 0 {
		return Info{}, fmt.Errorf("no ONNX: it holds no graph")
	}
	return info, info.parseGraph(graph)
}

func (in *Info) parseGraph(data []byte) error {
	var inputs, outputs []field
	weights := map[string]bool{} // older files list them among the inputs
	err := fields(data, func(number int, f field) {
		switch number {
		case 5:
			f.each(func(number int, f field) {
				if number == 8 {
					weights[string(f.bytes)] = true
				}
			})
		case 11:
			inputs = append(inputs, f)
		case 12:
			outputs = append(outputs, f)
		}
	})
	if err != nil {
		return fmt.Errorf("cut off or no ONNX: %w", err)
	}
	for _, f := range inputs {
		spec, err := parseValue(f, "input")
		if weights[spec.Name] {
			continue
		}
		if err != nil {
			return err
		}
		in.Inputs = append(in.Inputs, spec)
	}
	for _, f := range outputs {
		spec, err := parseValue(f, "output")
		if err != nil {
			return err
		}
		in.Outputs = append(in.Outputs, spec)
	}
	if len(in.Inputs) == 0 || len(in.Outputs) == 0 {
		return fmt.Errorf("%d inputs and %d outputs: at least one of each is needed", len(in.Inputs), len(in.Outputs))
	}
	return nil
}

// elementTypes are those of TensorProto that we carry.
var elementTypes = map[uint64]Type{
	1: FP32, 2: Uint8, 3: Int8, 4: Uint16, 5: Int16, 6: Int32, 7: Int64, 8: Bytes, 9: Bool, 11: FP64, 12: Uint32, 13: Uint64,
}

func parseValue(f field, kind string) (Spec, error) {
	spec := Spec{Free: true}
	tensor, element := false, uint64(0)
	f.each(func(number int, f field) {
		switch number {
		case 1:
			spec.Name = string(f.bytes)
		case 2:
			f.each(func(number int, f field) {
				if number != 1 {
					return
				}
				tensor = true
				f.each(func(number int, f field) {
					switch number {
					case 1:
						element = f.number
					case 2:
						spec.Free = false
						f.each(func(_ int, f field) { spec.Dims = append(spec.Dims, parseDim(f)) })
					}
				})
			})
		}
	})
	if !tensor {
		return spec, fmt.Errorf("%s %q is no tensor (a sequence, a map or an optional): export the model with tensors only", kind, spec.Name)
	}
	var known bool
	if spec.Type, known = elementTypes[element]; !known {
		return spec, fmt.Errorf("%s %q has element type %d, which slipway-serve does not carry: cast it to FLOAT in the model", kind, spec.Name, element)
	}
	return spec, nil
}

func parseDim(f field) Dim {
	d := Dim{Size: -1}
	f.each(func(number int, f field) {
		switch number {
		case 1:
			d.Size = int64(f.number)
		case 2:
			d.Symbol = string(f.bytes)
		}
	})
	return d
}

// field is one field of a message: its number, or its bytes.
type field struct {
	number uint64
	bytes  []byte
}

// each walks an embedded message. A cut-off one has shown itself above it.
func (f field) each(visit func(int, field)) {
	_ = fields(f.bytes, visit)
}

func fields(data []byte, visit func(int, field)) error {
	for len(data) > 0 {
		number, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var f field
		switch typ {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(number, typ, data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		visit(int(number), f)
		data = data[n:]
	}
	return nil
}

// OpsetWords lists opsets in a fixed order, for messages.
func (in Info) OpsetWords() string {
	var list []string
	for domain, version := range in.Opsets {
		list = append(list, fmt.Sprintf("%s %d", domain, version))
	}
	slices.Sort(list)
	return fmt.Sprint(list)
}

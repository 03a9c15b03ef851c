package checks

import (
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"google.golang.org/protobuf/encoding/protowire"
)

// onnxModel is what an ONNX file says of itself, as far as it has to be known
// before anything loads it. The numbers of fields are those of onnx.proto.
type onnxModel struct {
	IRVersion int64
	Opsets    map[string]int64 // by domain; "ai.onnx" for the default
	Functions map[string]bool  // domains that the file itself defines
	Used      map[string]bool  // domains of its nodes
	External  []external
	Inputs    []value // initializers left out
	Outputs   []value
	Nodes     int
	hasGraph  bool
}

// external is a tensor whose bytes stand in a file beside the model.
type external struct {
	tensor, location string
	offset, length   int64
}

// readONNX reads a file without taking its weights into memory.
func readONNX(name string) (onnxModel, error) {
	file, err := os.Open(name)
	if err != nil {
		return onnxModel{}, err
	}
	defer func() { _ = file.Close() }()
	stat, err := file.Stat()
	if err != nil {
		return onnxModel{}, err
	}
	if stat.Size() == 0 || stat.Size() > math.MaxInt32*2 {
		return onnxModel{}, fmt.Errorf("a file of %d bytes is no ONNX", stat.Size())
	}
	data, err := syscall.Mmap(int(file.Fd()), 0, int(stat.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return onnxModel{}, fmt.Errorf("map the file: %w", err)
	}
	defer func() { _ = syscall.Munmap(data) }()
	return parseONNX(data)
}

func parseONNX(data []byte) (onnxModel, error) {
	m := onnxModel{Opsets: map[string]int64{}, Functions: map[string]bool{}, Used: map[string]bool{}}
	err := each(data, func(field int, number uint64, bytes []byte) error {
		switch field {
		case 1:
			m.IRVersion = int64(number)
		case 7:
			m.hasGraph = true
			if err := m.values(bytes); err != nil {
				return err
			}
			return m.graph(bytes, 0)
		case 8:
			return m.opset(bytes)
		case 25:
			return m.function(bytes)
		}
		return nil
	})
	if err != nil {
		return m, fmt.Errorf("no ONNX, or cut off: %w", err)
	}
	if !m.hasGraph || m.IRVersion == 0 {
		return m, fmt.Errorf("no ONNX: there is no graph in it")
	}
	return m, nil
}

func domainOf(bytes []byte) string {
	if len(bytes) == 0 {
		return "ai.onnx"
	}
	return string(bytes)
}

func (m *onnxModel) opset(data []byte) error {
	domain, version := "ai.onnx", int64(0)
	err := each(data, func(field int, number uint64, bytes []byte) error {
		switch field {
		case 1:
			domain = domainOf(bytes)
		case 2:
			version = int64(number)
		}
		return nil
	})
	m.Opsets[domain] = version
	return err
}

func (m *onnxModel) function(data []byte) error {
	return each(data, func(field int, _ uint64, bytes []byte) error {
		switch field {
		case 7:
			return m.node(bytes, 0)
		case 10:
			m.Functions[domainOf(bytes)] = true
		}
		return nil
	})
}

// maxNested bounds graphs within graphs.
const maxNested = 64

func (m *onnxModel) graph(data []byte, depth int) error {
	if depth > maxNested {
		return fmt.Errorf("graphs nested deeper than %d", maxNested)
	}
	return each(data, func(field int, _ uint64, bytes []byte) error {
		switch field {
		case 1:
			return m.node(bytes, depth)
		case 5:
			return m.tensor(bytes)
		case 15:
			return m.sparse(bytes)
		}
		return nil
	})
}

// values reads what goes into a graph and comes out of it.
func (m *onnxModel) values(graph []byte) error {
	weights := map[string]bool{} // older files list them among the inputs
	var inputs []value
	err := each(graph, func(field int, _ uint64, bytes []byte) error {
		switch field {
		case 5:
			return each(bytes, func(field int, _ uint64, bytes []byte) error {
				if field == 8 {
					weights[string(bytes)] = true
				}
				return nil
			})
		case 11, 12:
			v, err := readValue(bytes)
			if field == 11 {
				inputs = append(inputs, v)
			} else {
				m.Outputs = append(m.Outputs, v)
			}
			return err
		}
		return nil
	})
	for _, v := range inputs {
		if !weights[v.Name] {
			m.Inputs = append(m.Inputs, v)
		}
	}
	return err
}

func (m *onnxModel) node(data []byte, depth int) error {
	m.Nodes++
	domain := "ai.onnx"
	err := each(data, func(field int, _ uint64, bytes []byte) error {
		switch field {
		case 5:
			return m.attribute(bytes, depth)
		case 7:
			domain = domainOf(bytes)
		}
		return nil
	})
	m.Used[domain] = true
	return err
}

func (m *onnxModel) attribute(data []byte, depth int) error {
	return each(data, func(field int, _ uint64, bytes []byte) error {
		switch field {
		case 5, 10:
			return m.tensor(bytes)
		case 6, 11:
			return m.graph(bytes, depth+1)
		case 22, 23:
			return m.sparse(bytes)
		}
		return nil
	})
}

func (m *onnxModel) sparse(data []byte) error {
	return each(data, func(field int, _ uint64, bytes []byte) error {
		if field == 1 || field == 2 {
			return m.tensor(bytes)
		}
		return nil
	})
}

func (m *onnxModel) tensor(data []byte) error {
	var e external
	outside := false
	err := each(data, func(field int, number uint64, bytes []byte) error {
		switch field {
		case 8:
			e.tensor = string(bytes)
		case 13:
			return e.entry(bytes)
		case 14:
			outside = number == 1
		}
		return nil
	})
	if outside || e.location != "" {
		m.External = append(m.External, e)
	}
	return err
}

// entry reads one pair of a tensor's external_data.
func (e *external) entry(data []byte) error {
	var key, value string
	err := each(data, func(field int, _ uint64, bytes []byte) error {
		switch field {
		case 1:
			key = string(bytes)
		case 2:
			value = string(bytes)
		}
		return nil
	})
	switch key {
	case "location":
		e.location = value
	case "offset":
		_, _ = fmt.Sscan(value, &e.offset)
	case "length":
		_, _ = fmt.Sscan(value, &e.length)
	}
	return err
}

// beside gives the path of external data inside the model's folder; ok is false
// where it would lie outside.
func (e external) beside(onnx string) (string, bool) {
	p := path.Join(path.Dir(onnx), e.location)
	return p, e.location != "" && !path.IsAbs(e.location) && filepath.IsLocal(filepath.FromSlash(p))
}

// each walks a message's fields: a number, or bytes.
func each(data []byte, visit func(field int, number uint64, bytes []byte) error) error {
	for len(data) > 0 {
		field, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var number uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(field, kind, data)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := visit(int(field), number, bytes); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

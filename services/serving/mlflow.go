package serving

import (
	"net/http"
	"slices"
)

// invocations is MLflow's scoring protocol: one of four keys holds the data.
func (s *Server) invocations(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, "application/json")
	if err != nil {
		return err
	}
	c := &cursor{data: body}
	var inputs []Tensor
	var taken string
	tabular := false
	err = c.object("", func(key string) error {
		var read func(*cursor) ([]Tensor, error)
		switch key {
		case "inputs":
			read = s.readInputs
		case "instances":
			read = s.readInstances
		case "dataframe_split":
			read, tabular = s.readSplit, true
		case "dataframe_records":
			read, tabular = s.readRecords, true
		case "params", "signature_name": // MLflow's own server takes both and ignores them here
			return c.skip(key)
		default:
			return invalid("unknown key %q: the body holds one of inputs, instances, dataframe_split and dataframe_records", key)
		}
		if taken != "" {
			return invalid("both %q and %q are given: the body holds one of them", taken, key)
		}
		taken = key
		inputs, err = read(c)
		return err
	})
	if err == nil {
		err = c.end()
	}
	if err != nil {
		return err
	}
	if taken == "" {
		return invalid("the body holds none of inputs, instances, dataframe_split and dataframe_records")
	}
	if inputs, err = s.Info.checkInputs(inputs, taken); err != nil {
		return err
	}
	outputs, err := s.run(r.Context(), inputs)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(appendPredictions(nil, outputs, tabular)) // the caller may have gone
	return nil
}

// readInputs reads a tensor for the only input, or an object of tensors.
func (s *Server) readInputs(c *cursor) ([]Tensor, error) {
	const field = "inputs"
	if c.token() != '{' {
		only, err := s.onlyInput(field)
		if err != nil {
			return nil, err
		}
		t, err := readTensor(c, field, only.Type, only.room())
		t.Name = only.Name
		return []Tensor{t}, err
	}
	var all []Tensor
	err := c.object(field, func(key string) error {
		spec, err := s.input(field, key)
		if err != nil {
			return err
		}
		t, err := readTensor(c, field+"."+key, spec.Type, spec.room())
		t.Name = key
		all = append(all, t)
		return err
	})
	return all, err
}

// readInstances reads rows: elements of the only input, or objects with a value
// for each input.
func (s *Server) readInstances(c *cursor) ([]Tensor, error) {
	const field = "instances"
	if c.token() == '[' {
		ahead := *c
		ahead.at++
		if ahead.token() == '{' {
			return s.readRows(c, field)
		}
	}
	only, err := s.onlyInput(field)
	if err != nil {
		return nil, err
	}
	t, err := readTensor(c, field, only.Type, only.room())
	t.Name = only.Name
	return []Tensor{t}, err
}

func (s *Server) onlyInput(field string) (Spec, error) {
	if len(s.Info.Inputs) != 1 {
		return Spec{}, invalid("%s: the model has the inputs %s: give an object with a value for each", field, names(s.Info.Inputs))
	}
	return s.Info.Inputs[0], nil
}

func (s *Server) input(field, name string) (Spec, error) {
	i := slices.IndexFunc(s.Info.Inputs, func(in Spec) bool { return in.Name == name })
	if i < 0 {
		return Spec{}, invalid("%s: the model has no input %q; its inputs are %s", field, name, names(s.Info.Inputs))
	}
	return s.Info.Inputs[i], nil
}

// appendPredictions writes the answer as MLflow does: an object of nested lists
// by output for tensors; for a table one row for each element of the flattened
// outputs, as long as they are equally long.
func appendPredictions(out []byte, outputs []Tensor, tabular bool) []byte {
	rows, _ := elements(outputs[0].Shape)
	for _, t := range outputs {
		n, _ := elements(t.Shape)
		tabular = tabular && n == rows
	}
	out = append(out, `{"predictions": `...)
	if !tabular {
		out = appendObject(out, outputs, appendNested)
		return append(out, '}')
	}
	out = append(out, '[')
	for row := range int(rows) {
		if row > 0 {
			out = append(out, ", "...)
		}
		out = appendObject(out, outputs, func(out []byte, t Tensor) []byte { return writer(t.Data)(out, row, row+1) })
	}
	return append(out, "]}"...)
}

func appendObject(out []byte, outputs []Tensor, value func([]byte, Tensor) []byte) []byte {
	out = append(out, '{')
	for i, t := range outputs {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(appendText(out, t.Name), ": "...)
		out = value(out, t)
	}
	return append(out, '}')
}

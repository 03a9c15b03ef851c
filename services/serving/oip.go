package serving

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// routeOIP adds the Open Inference Protocol v2.
func (s *Server) routeOIP(mux *http.ServeMux) {
	mux.Handle("GET /v2", s.plain(s.oipServer))
	mux.Handle("GET /v2/health/live", s.plain(func(w http.ResponseWriter, _ *http.Request) error {
		reply(w, http.StatusOK, map[string]bool{"live": true})
		return nil
	}))
	mux.Handle("GET /v2/health/ready", s.plain(s.oipReady))
	for _, model := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		mux.Handle("GET "+model, s.plain(s.named(s.oipModel)))
		mux.Handle("GET "+model+"/ready", s.plain(s.named(s.oipReady)))
		mux.Handle("POST "+model+"/infer", s.measured("infer", s.named(s.oipInfer)))
	}
}

// named refuses another model's name or version.
func (s *Server) named(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if model := r.PathValue("model"); model != s.Name {
			return notFound("model %q is not served here: this is %q", model, s.Name)
		}
		if version := r.PathValue("version"); version != "" && version != s.Version {
			return notFound("version %q of model %q is not served here: this is %q", version, s.Name, s.Version)
		}
		return h(w, r)
	}
}

func notFound(format string, args ...any) error {
	return &fault{status: http.StatusNotFound, code: "RESOURCE_DOES_NOT_EXIST", message: fmt.Sprintf(format, args...)}
}

func (s *Server) oipServer(w http.ResponseWriter, _ *http.Request) error {
	reply(w, http.StatusOK, map[string]any{"name": "slipway-serve", "version": s.Program, "extensions": []string{"binary_tensor_data"}})
	return nil
}

func (s *Server) oipReady(w http.ResponseWriter, r *http.Request) error {
	ready := !s.draining.Load()
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	body := map[string]any{"ready": ready}
	if r.PathValue("model") != "" {
		body["name"] = s.Name
	}
	reply(w, status, body)
	return nil
}

func (s *Server) oipModel(w http.ResponseWriter, _ *http.Request) error {
	specs := func(all []Spec) []map[string]any {
		var out []map[string]any
		for _, spec := range all {
			out = append(out, map[string]any{"name": spec.Name, "datatype": spec.Type, "shape": spec.Shape()})
		}
		return out
	}
	versions := []string{}
	if s.Version != "" {
		versions = append(versions, s.Version)
	}
	reply(w, http.StatusOK, map[string]any{
		"name": s.Name, "versions": versions, "platform": "onnxruntime_onnx",
		"inputs": specs(s.Info.Inputs), "outputs": specs(s.Info.Outputs),
	})
	return nil
}

// oipRequest is an infer request; the tensors' binary data is still behind it.
type oipRequest struct {
	id      json.RawMessage // echoed as it came
	inputs  []Tensor
	outputs []oipOutput // as asked for; nil: all
	binary  bool        // outputs are binary unless they say otherwise
}

type oipOutput struct {
	name   string
	binary *bool // nil: as the request says for all
}

func (s *Server) oipInfer(w http.ResponseWriter, r *http.Request) error {
	types := []string{"application/json", "application/octet-stream"}
	if r.Header.Get("Content-Type") == "" {
		types = nil
	}
	body, err := readBody(w, r, types...)
	if err != nil {
		return err
	}
	header, tail := body, []byte(nil)
	if length := r.Header.Get(binaryHeader); length != "" {
		n, err := strconv.Atoi(length)
		if err != nil || n < 0 || n > len(body) {
			return invalid("%s is %q: a number of bytes, at most the %d of the body", binaryHeader, length, len(body))
		}
		header, tail = body[:n], body[n:]
	}
	req, err := s.readOIP(header, tail)
	if err != nil {
		return err
	}
	if req.inputs, err = s.Info.checkInputs(req.inputs, "inputs"); err != nil {
		return err
	}
	outputs, err := s.run(r.Context(), req.inputs)
	if err != nil {
		return err
	}
	return s.answerOIP(w, req, outputs)
}

func (s *Server) readOIP(header, tail []byte) (oipRequest, error) {
	c := &cursor{data: header}
	var req oipRequest
	binary := &tensorBytes{rest: tail}
	err := c.object("", func(key string) (err error) {
		switch key {
		case "id":
			if c.token() != '"' {
				return invalid("id: a text expected at %s", c.what())
			}
			req.id, err = c.raw(key)
			return err
		case "parameters":
			return c.object(key, func(name string) error {
				if name == "binary_data_output" {
					req.binary, err = c.truth()
					return err
				}
				return c.skip("parameters." + name)
			})
		case "inputs":
			return c.array(key, func(i int) error {
				t, err := s.readOIPInput(c, fmt.Sprintf("inputs[%d]", i), binary)
				req.inputs = append(req.inputs, t)
				return err
			})
		case "outputs":
			req.outputs = []oipOutput{}
			return c.array(key, func(i int) error {
				o, err := s.readOIPOutput(c, fmt.Sprintf("outputs[%d]", i))
				req.outputs = append(req.outputs, o)
				return err
			})
		}
		return invalid("unknown key %q: a request holds id, parameters, inputs and outputs", key)
	})
	if err == nil {
		err = c.end()
	}
	if err == nil && len(binary.rest) > 0 {
		err = invalid("%d bytes behind the JSON belong to no input", len(binary.rest))
	}
	if err == nil && len(req.outputs) == 0 {
		req.outputs = nil
		for _, o := range s.Info.Outputs {
			req.outputs = append(req.outputs, oipOutput{name: o.Name})
		}
	}
	return req, err
}

// readOIPInput reads one input. Its keys come in any order, so the place of
// data is kept until the type is known.
func (s *Server) readOIPInput(c *cursor, field string, binary *tensorBytes) (Tensor, error) {
	var t Tensor
	data, size := -1, int64(-1)
	err := c.object(field, func(key string) (err error) {
		switch key {
		case "name":
			t.Name, err = c.text(field + ".name")
		case "datatype":
			var typ string
			typ, err = c.text(field + ".datatype")
			t.Type = Type(typ)
		case "shape":
			t.Shape = []int64{}
			err = c.array(field+".shape", func(i int) error {
				_, n, err := c.integer(fmt.Sprintf("%s.shape[%d]", field, i), 0, 1<<62, Int64)
				t.Shape = append(t.Shape, int64(n))
				return err
			})
		case "parameters":
			err = c.object(field+".parameters", func(name string) error {
				if name != "binary_data_size" {
					return invalid("%s.parameters: %q is not supported", field, name)
				}
				_, n, err := c.integer(field+".parameters."+name, 0, 1<<62, Int64)
				size = int64(n)
				return err
			})
		case "data":
			c.token()
			data = c.at
			if t.Name == "" || t.Type == "" { // come back when they are known
				return c.skip(field + ".data")
			}
			var flat Tensor
			flat, err = readTensor(c, fmt.Sprintf("%s.data (input %q)", field, t.Name), t.Type, s.room(t.Name))
			t.Data, data = flat, -2
		default:
			err = invalid("%s: unknown key %q", field, key)
		}
		return err
	})
	if err != nil {
		return t, err
	}
	if t.Name == "" || t.Type == "" || t.Shape == nil {
		return t, invalid("%s: name, datatype and shape are all needed", field)
	}
	field = fmt.Sprintf("%s (input %q)", field, t.Name)
	if size >= 0 {
		if data != -1 {
			return t, invalid("%s: both data and binary_data_size", field)
		}
		t.Data, err = binary.take(t, size, field)
		return t, err
	}
	flat, read := t.Data.(Tensor)
	if !read {
		if data < 0 {
			return t, invalid("%s: data is missing", field)
		}
		if flat, err = readTensor(&cursor{data: c.data, at: data}, field+".data", t.Type, s.room(t.Name)); err != nil {
			return t, err
		}
	}
	if err := flat.reshape(t.Shape, field); err != nil {
		return t, err
	}
	t.Data = flat.Data
	return t, nil
}

func (s *Server) room(input string) int {
	spec, _ := s.input("", input) // an unknown one is refused later
	return spec.room()
}

func (s *Server) readOIPOutput(c *cursor, field string) (oipOutput, error) {
	var o oipOutput
	err := c.object(field, func(key string) (err error) {
		switch key {
		case "name":
			if o.name, err = c.text(field + ".name"); err != nil {
				return err
			}
			if !slices.ContainsFunc(s.Info.Outputs, func(s Spec) bool { return s.Name == o.name }) {
				return invalid("%s: the model has no output %q; its outputs are %s", field, o.name, names(s.Info.Outputs))
			}
			return nil
		case "parameters":
			return c.object(field+".parameters", func(name string) error {
				if name != "binary_data" {
					return invalid("%s.parameters: %q is not supported", field, name)
				}
				binary, err := c.truth()
				o.binary = &binary
				return err
			})
		}
		return invalid("%s: unknown key %q", field, key)
	})
	if err == nil && o.name == "" {
		err = invalid("%s: name is missing", field)
	}
	return o, err
}

func (s *Server) answerOIP(w http.ResponseWriter, req oipRequest, outputs []Tensor) error {
	out := append([]byte(`{"model_name":`), appendText(nil, s.Name)...)
	out = append(appendText(append(out, `,"model_version":`...), s.Version), `,"outputs":[`...)
	var tail []byte
	for i, asked := range req.outputs {
		t := outputs[slices.IndexFunc(s.Info.Outputs, func(s Spec) bool { return s.Name == asked.name })]
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendText(append(out, `{"name":`...), t.Name), `,"datatype":"`+string(t.Type)+`","shape":`...)
		out = appendFlat(out, Tensor{Data: t.Shape, Shape: []int64{int64(len(t.Shape))}})
		if asked.binary == nil && req.binary || asked.binary != nil && *asked.binary {
			before := len(tail)
			tail = appendBinary(tail, t)
			out = fmt.Appendf(out, `,"parameters":{"binary_data_size":%d}}`, len(tail)-before)
			continue
		}
		out = append(appendFlat(append(out, `,"data":`...), t), '}')
	}
	out = append(out, ']')
	if req.id != nil {
		out = append(append(out, `,"id":`...), req.id...)
	}
	out = append(out, '}')
	w.Header().Set("Content-Type", "application/json")
	if tail != nil {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set(binaryHeader, strconv.Itoa(len(out)))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(out)+len(tail)))
	_, _ = w.Write(out)
	_, _ = w.Write(tail) // the caller may have gone
	return nil
}

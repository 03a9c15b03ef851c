package checks

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// question is one request to a model.
type question struct {
	what   string // in words
	path   string
	header http.Header
	body   []byte
}

// refusedError is an answer that is none: the request is at fault, or the model.
type refusedError struct {
	fault   bool // the model's
	message string
}

// Error implements error.
func (e *refusedError) Error() string { return e.message }

// tensors is an answer: the outputs' bytes, and what they hold.
type tensors struct {
	raw      []byte
	outputs  int
	nan, inf map[string]int // by output
}

// maxElements bounds made-up input.
const maxElements = 16 << 20

// questions gives what to ask a model: its own input example, else uniform
// noise. Never zeros: no picture is black all over, and a model may rely on it.
func questions(ctx context.Context, s *validation.Subject, served *validation.Served) ([]question, error) {
	var all []question
	if m, err := readMLmodel(ctx, s); err == nil && m.Example != nil && m.Example.Serving != "" {
		if text, err := readText(ctx, s, m.Example.Serving); err == nil {
			all = append(all, question{
				what: "its input example", path: "/invocations", body: text, header: http.Header{"Content-Type": {"application/json"}},
			})
		}
	}
	name := "/v2/models/" + url.PathEscape(s.Version.Model)
	var said struct {
		Inputs []input `json:"inputs"`
	}
	if err := served.Get(ctx, name, &said); err != nil {
		return nil, err
	}
	for _, size := range sizes(said.Inputs, served.Facts.Model.Metadata) {
		if q, ok := noise(said.Inputs, size); ok {
			q.path = name + "/infer"
			all = append(all, q)
		}
	}
	return all, nil
}

// input is one input as the model declares it.
type input struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

// sizes gives what to try for dimensions that are open, but for the first,
// which is the batch.
func sizes(inputs []input, metadata map[string]string) []int64 {
	open := false
	for _, in := range inputs {
		for i, n := range in.Shape {
			open = open || i > 0 && n < 0
		}
	}
	if !open {
		return []int64{1}
	}
	all := []int64{640, 224, 64, 16, 1}
	var exported []int64
	if json.Unmarshal([]byte(metadata["imgsz"]), &exported) == nil && len(exported) > 0 && exported[0] > 0 {
		all = append([]int64{exported[0]}, all...)
	}
	return all
}

// noise makes a request of uniform noise: 0 to 1 in floats, 0 or 1 in whole
// numbers. The same model is asked the same each time.
func noise(inputs []input, open int64) (question, bool) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // noise, no secret
	var described []map[string]any
	var tail []byte
	for _, in := range inputs {
		shape, elements := make([]int64, len(in.Shape)), int64(1)
		for i, n := range in.Shape {
			switch {
			case n >= 0:
				shape[i] = n
			case i == 0:
				shape[i] = 1
			default:
				shape[i] = open
			}
			if elements *= shape[i]; elements > maxElements {
				return question{}, false
			}
		}
		before := len(tail)
		for range elements {
			tail = appendNoise(tail, in.Datatype, random)
		}
		described = append(described, map[string]any{
			"name": in.Name, "datatype": in.Datatype, "shape": shape,
			"parameters": map[string]any{"binary_data_size": len(tail) - before},
		})
	}
	head, err := json.Marshal(map[string]any{
		"inputs": described, "parameters": map[string]any{"binary_data_output": true},
	})
	if err != nil {
		return question{}, false
	}
	return question{
		what: "uniform noise", body: append(head, tail...),
		header: http.Header{"Content-Type": {"application/octet-stream"}, binaryHeader: {strconv.Itoa(len(head))}},
	}, true
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

// ask sends the question. An answer that is none is a *refusedError.
func (q question) ask(ctx context.Context, served *validation.Served) (tensors, error) {
	status, body, err := served.Do(ctx, http.MethodPost, q.path, bytes.NewReader(q.body), q.header)
	if err != nil {
		return tensors{}, err
	}
	if status != http.StatusOK {
		return tensors{}, refusal(status, body)
	}
	return readTensors(body)
}

func refusal(status int, body []byte) *refusedError {
	var said struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &said) != nil || said.Message == "" {
		said.Message = fmt.Sprintf("status %d", status)
	}
	return &refusedError{fault: status >= http.StatusInternalServerError, message: said.Message}
}

// readTensors reads an answer of either protocol.
func readTensors(body []byte) (tensors, error) {
	t := tensors{raw: body, nan: map[string]int{}, inf: map[string]int{}}
	var answer struct {
		Outputs []struct {
			Name       string  `json:"name"`
			Datatype   string  `json:"datatype"`
			Shape      []int64 `json:"shape"`
			Parameters struct {
				Size int `json:"binary_data_size"`
			} `json:"parameters"`
		} `json:"outputs"`
		Predictions any `json:"predictions"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if err := decoder.Decode(&answer); err != nil {
		return t, models.Errorf(models.KindInternal, "slipway-serve's answer does not parse").Because(err)
	}
	if answer.Predictions != nil {
		t.outputs = 1
		countNulls(answer.Predictions, t.nan)
		return t, nil
	}
	tail := body[decoder.InputOffset():]
	for _, out := range answer.Outputs {
		if out.Parameters.Size > len(tail) {
			return t, models.Errorf(models.KindInternal, "slipway-serve's answer is cut off")
		}
		t.count(out.Name, out.Datatype, tail[:out.Parameters.Size])
		tail = tail[out.Parameters.Size:]
		t.outputs++
	}
	return t, nil
}

func (t *tensors) count(name, datatype string, raw []byte) {
	width := map[string]int{"FP32": 4, "FP64": 8}[datatype]
	for ; width > 0 && len(raw) >= width; raw = raw[width:] {
		v := float64(0)
		if width == 4 {
			v = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		} else {
			v = math.Float64frombits(binary.LittleEndian.Uint64(raw))
		}
		switch {
		case math.IsNaN(v):
			t.nan[name]++
		case math.IsInf(v, 0):
			t.inf[name]++
		}
	}
}

// countNulls counts what MLflow's protocol writes for what is no number.
func countNulls(v any, into map[string]int) {
	switch v := v.(type) {
	case nil:
		into["predictions"]++
	case []any:
		for _, e := range v {
			countNulls(e, into)
		}
	case map[string]any:
		for _, e := range v {
			countNulls(e, into)
		}
	}
}

// compare finds what is wrong with an answer given twice.
func (t tensors) compare(second tensors, what string) []models.Finding {
	var findings []models.Finding
	for _, name := range keys(t.nan) {
		findings = append(findings, problem(name, "%d values of output %q are NaN on %s", t.nan[name], name, what))
	}
	for _, name := range keys(t.inf) {
		findings = append(findings, problem(name, "%d values of output %q are infinite on %s", t.inf[name], name, what))
	}
	if !bytes.Equal(t.raw, second.raw) {
		f := problem("model", "it answers %s differently the second time", what)
		f.Remedy = "export it for inference: no dropout, no random operators"
		findings = append(findings, f)
	}
	return findings
}

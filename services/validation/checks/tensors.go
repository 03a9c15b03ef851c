package checks

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"

	"github.com/slipway-ml/slipway/models"
)

// tensors is an answer: the outputs, and what they hold.
type tensors struct {
	raw         []byte
	outputs     []tensor       // of the Open Inference Protocol
	predictions any            // of MLflow's
	nan, inf    map[string]int // by output
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
	decoder.UseNumber()
	if err := decoder.Decode(&answer); err != nil {
		return t, models.Errorf(models.KindInternal, "slipway-serve's answer does not parse").Because(err)
	}
	if answer.Predictions != nil {
		t.predictions = answer.Predictions
		countNulls("predictions", answer.Predictions, t.nan)
		return t, nil
	}
	tail := body[decoder.InputOffset():]
	for _, out := range answer.Outputs {
		if out.Parameters.Size < 0 || out.Parameters.Size > len(tail) {
			return t, models.Errorf(models.KindInternal, "slipway-serve's answer is cut off")
		}
		one := tensor{Name: out.Name, Datatype: out.Datatype, Shape: out.Shape, raw: tail[:out.Parameters.Size]}
		tail = tail[out.Parameters.Size:]
		t.outputs = append(t.outputs, one)
		for _, v := range one.floats() {
			switch {
			case math.IsNaN(v):
				t.nan[one.Name]++
			case math.IsInf(v, 0):
				t.inf[one.Name]++
			}
		}
	}
	return t, nil
}

// floats gives the elements of a tensor of floats; nil of any other.
func (t tensor) floats() []float64 {
	var all []float64
	switch t.Datatype {
	case "FP32":
		for raw := t.raw; len(raw) >= 4; raw = raw[4:] {
			all = append(all, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))))
		}
	case "FP64":
		for raw := t.raw; len(raw) >= 8; raw = raw[8:] {
			all = append(all, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
		}
	}
	return all
}

// countNulls counts, by output, what MLflow's protocol writes for what is no
// number.
func countNulls(name string, v any, into map[string]int) {
	switch v := v.(type) {
	case nil:
		into[name]++
	case []any:
		for _, e := range v {
			countNulls(name, e, into)
		}
	case map[string]any:
		for key, e := range v {
			countNulls(key, e, into)
		}
	}
}

// faults finds what is wrong with an answer by itself.
func (t tensors) faults(what string) []models.Finding {
	var findings []models.Finding
	nan := "NaN"
	if t.predictions != nil { // whose protocol writes null for both
		nan = "NaN or infinite"
	}
	for _, name := range keys(t.nan) {
		findings = append(findings, problem(name, "%d values of output %q are %s on %s", t.nan[name], name, nan, what))
	}
	for _, name := range keys(t.inf) {
		findings = append(findings, problem(name, "%d values of output %q are infinite on %s", t.inf[name], name, what))
	}
	return findings
}

// compare finds what is wrong with an answer given twice.
func (t tensors) compare(second tensors, what string) []models.Finding {
	findings := t.faults(what)
	if !bytes.Equal(t.raw, second.raw) {
		f := problem("model", "it answers %s differently the second time", what)
		f.Remedy = "export it for inference: no dropout, no random operators"
		findings = append(findings, f)
	}
	return findings
}

package main_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const lengthHeader = "Inference-Header-Content-Length"

func TestOpenInferenceMetadata(t *testing.T) {
	t.Parallel()
	server := start(t, filepath.Join(shapes, "v4-dynamic.onnx"), "--name", "shapes", "--version", "4")
	for path, want := range map[string]string{
		"/v2":                                 `{"name": "slipway-serve", "version": "dev", "extensions": ["binary_tensor_data"]}`,
		"/v2/health/live":                     `{"live": true}`,
		"/v2/health/ready":                    `{"ready": true}`,
		"/v2/models/shapes/ready":             `{"name": "shapes", "ready": true}`,
		"/v2/models/shapes/versions/4/ready":  `{"name": "shapes", "ready": true}`,
		"/v2/models/shapes":                   shapesMetadata,
		"/v2/models/shapes/versions/4":        shapesMetadata,
		"/v2/models/shapes/versions/5":        "",
		"/v2/models/shapes/versions/5/ready":  "",
		"/v2/models/other":                    "",
		"/v2/models/other/ready":              "",
		"/v2/models/shapes/versions/4/config": "",
	} {
		got := server.get(path)
		if want == "" {
			require.Equal(t, 404, got.status, path)
			var e struct{ Error string }
			got.json(t, &e)
			require.NotEmpty(t, e.Error)
			continue
		}
		require.Equal(t, 200, got.status, path)
		require.JSONEq(t, want, string(got.body), path)
	}
}

const shapesMetadata = `{"name": "shapes", "versions": ["4"], "platform": "onnxruntime_onnx",
	"inputs": [{"name": "images", "datatype": "FP32", "shape": [-1, 3, -1, -1]}],
	"outputs": [{"name": "output0", "datatype": "FP32", "shape": [-1, 8, -1]}]}`

func TestInfer(t *testing.T) {
	t.Parallel()
	servers := map[string]*instance{}
	for _, model := range []string{"linear", "two", "log", "types"} {
		servers[model] = start(t, "testdata/"+model+".onnx", "--version", "1")
	}
	for name, c := range map[string]struct{ model, body, want string }{
		"flat data": {
			"linear", `{"id": "a \"b\"", "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 4], "data": [1, 2, 3, 4, 0, 0, 0, 0]}]}`,
			`{"model_name": "linear", "model_version": "1", "id": "a \"b\"",
			  "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 3], "data": [5, 6, 16, 0, 0, 10]}]}`,
		},
		"nested data, keys in another order": {
			"linear", `{"inputs": [{"data": [[1, 2, 3, 4]], "shape": [1, 4], "datatype": "FP32", "name": "x", "parameters": {}}]}`,
			`{"model_name": "linear", "model_version": "1", "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 3], "data": [5, 6, 16]}]}`,
		},
		"one output of two": {
			"two", `{"inputs": [{"name": "b", "datatype": "FP32", "shape": [1, 1], "data": [2]}, {"name": "a", "datatype": "FP32", "shape": [1, 1], "data": [3]}],
			         "outputs": [{"name": "product"}]}`,
			`{"model_name": "two", "model_version": "1", "outputs": [{"name": "product", "datatype": "FP32", "shape": [1, 1], "data": [6]}]}`,
		},
		"NaN is null": {
			"log", `{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [-1, 1]}]}`,
			`{"model_name": "log", "model_version": "1", "outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "data": [null, 0]},
			  {"name": "total", "datatype": "FP32", "shape": [], "data": [0]}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"/v2/models/%s/infer", "/v2/models/%s/versions/1/infer"} {
				for _, contentType := range []string{asJSON, ""} {
					got := servers[c.model].post(fmt.Sprintf(path, c.model), contentType, []byte(c.body))
					require.Equal(t, 200, got.status, string(got.body))
					require.Equal(t, asJSON, got.header.Get("Content-Type"))
					require.JSONEq(t, c.want, string(got.body))
				}
			}
		})
	}
}

// TestInferBinary sends raw tensors and asks for raw ones, each type as itself.
func TestInferBinary(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/types.onnx")
	values := []struct {
		name, typ string
		data      []byte
	}{
		{"f32", "FP32", little(t, []float32{1.5, -2})},
		{"f64", "FP64", little(t, []float64{0.1, 1e300})},
		{"i8", "INT8", little(t, []int8{-128, 127})},
		{"i16", "INT16", little(t, []int16{-32768, 5})},
		{"i32", "INT32", little(t, []int32{-2147483648, 5})},
		{"i64", "INT64", little(t, []int64{-9223372036854775808, 5})},
		{"u8", "UINT8", little(t, []uint8{255, 0})},
		{"u16", "UINT16", little(t, []uint16{65535, 0})},
		{"u32", "UINT32", little(t, []uint32{4294967295, 0})},
		{"u64", "UINT64", little(t, []uint64{18446744073709551615, 0})},
		{"flag", "BOOL", []byte{1, 0}},
		{"text", "BYTES", []byte("\x02\x00\x00\x00h\xc3\x00\x00\x00\x00")},
	}
	var header, tail bytes.Buffer
	header.WriteString(`{"parameters": {"binary_data_output": true}, "inputs": [`)
	for i, v := range values {
		if i > 0 {
			header.WriteByte(',')
		}
		fmt.Fprintf(&header, `{"name": %q, "datatype": %q, "shape": [2], "parameters": {"binary_data_size": %d}}`, v.name, v.typ, len(v.data))
		tail.Write(v.data)
	}
	header.WriteString(`], "outputs": [`)
	for i, v := range values {
		if i > 0 {
			header.WriteByte(',')
		}
		fmt.Fprintf(&header, `{"name": "%s_out"}`, v.name)
	}
	header.WriteString(`]}`)
	size := strconv.Itoa(header.Len())
	got := server.post("/v2/models/types/infer", "application/octet-stream", append(header.Bytes(), tail.Bytes()...), lengthHeader, size)
	require.Equal(t, 200, got.status, string(got.body))
	require.Equal(t, "application/octet-stream", got.header.Get("Content-Type"))
	length, err := strconv.Atoi(got.header.Get(lengthHeader))
	require.NoError(t, err)
	var answer struct {
		Outputs []struct {
			Name, Datatype string
			Parameters     struct {
				Size int `json:"binary_data_size"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(got.body[:length], &answer))
	rest := got.body[length:]
	for i, v := range values {
		require.Equal(t, v.typ, answer.Outputs[i].Datatype)
		require.Equal(t, v.data, rest[:answer.Outputs[i].Parameters.Size], v.name)
		rest = rest[answer.Outputs[i].Parameters.Size:]
	}
	require.Empty(t, rest)
}

// TestInferBinaryOutputOnly: JSON in, one output raw and one as JSON.
func TestInferBinaryOutputOnly(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/two.onnx")
	body := `{"inputs": [{"name": "a", "datatype": "FP32", "shape": [1, 1], "data": [2]}, {"name": "b", "datatype": "FP32", "shape": [1, 1], "data": [3]}],
		"outputs": [{"name": "sum", "parameters": {"binary_data": true}}, {"name": "product", "parameters": {"binary_data": false}}],
		"parameters": {"binary_data_output": true}}`
	got := server.post("/v2/models/two/infer", asJSON, []byte(body))
	require.Equal(t, 200, got.status, string(got.body))
	length, err := strconv.Atoi(got.header.Get(lengthHeader))
	require.NoError(t, err)
	require.JSONEq(t, `{"model_name": "two", "model_version": "", "outputs": [
		{"name": "sum", "datatype": "FP32", "shape": [1, 1], "parameters": {"binary_data_size": 4}},
		{"name": "product", "datatype": "FP32", "shape": [1, 1], "data": [6]}]}`, string(got.body[:length]))
	require.Equal(t, little(t, []float32{5}), got.body[length:])
}

func TestInferRefuses(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/linear.onnx")
	input := func(members string) string {
		return `{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4]` + members + `}]}`
	}
	for name, c := range map[string]struct {
		body, tail, says string
		status           int
	}{
		"no JSON":                      {"hello", "", "an object expected", 400},
		"no inputs":                    {`{}`, "", `input "x" is missing`, 400},
		"an unknown key":               {`{"inptus": []}`, "", `"inptus"`, 400},
		"an unknown input":             {`{"inputs": [{"name": "z", "datatype": "FP32", "shape": [1], "data": [1]}]}`, "", `no input "z"`, 400},
		"no name":                      {`{"inputs": [{"datatype": "FP32", "shape": [1], "data": [1]}]}`, "", "name, datatype and shape", 400},
		"an unknown key of an input":   {input(`, "dtype": "x"`), "", `"dtype"`, 400},
		"another type":                 {`{"inputs": [{"name": "x", "datatype": "INT64", "shape": [1, 4], "data": [1, 2, 3, 4]}]}`, "", "takes FP32, not INT64", 400},
		"an unknown type":              {`{"inputs": [{"name": "x", "datatype": "FP8", "shape": [1, 4], "data": [1, 2, 3, 4]}]}`, "", `"FP8"`, 400},
		"another shape":                {`{"inputs": [{"name": "x", "datatype": "FP32", "shape": [4, 1], "data": [1, 2, 3, 4]}]}`, "", "takes [batch,4]", 400},
		"too few elements":             {input(`, "data": [1, 2, 3]`), "", "4 elements, data has 3", 400},
		"nested otherwise than said":   {input(`, "data": [[1, 2], [3, 4]]`), "", "nested as [2 2]", 400},
		"a text among numbers":         {input(`, "data": [1, 2, "3", 4]`), "", `data (input "x")[2]: a number expected`, 400},
		"a negative size":              {`{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4], "data": [1, 2, 3, 4]}]}`, "", "shape[0]", 400},
		"sizes beyond any memory":      {`{"inputs": [{"name": "x", "datatype": "FP32", "shape": [4611686018427387904, 4], "data": [1]}]}`, "", "too large", 400},
		"no data":                      {input(``), "", "data is missing", 400},
		"an unknown output":            {`{"inputs": [], "outputs": [{"name": "q"}]}`, "", `no output "q"`, 400},
		"shared memory":                {input(`, "parameters": {"shared_memory_region": "r"}`), "", "shared_memory_region", 400},
		"binary data too short":        {input(`, "parameters": {"binary_data_size": 16}`), "abc", "only 3 bytes are left", 400},
		"binary data of another size":  {input(`, "parameters": {"binary_data_size": 3}`), "abc", "4 times 4", 400},
		"binary data nobody claims":    {input(`, "data": [1, 2, 3, 4]`), "abc", "belong to no input", 400},
		"both data and binary data":    {input(`, "data": [1, 2, 3, 4], "parameters": {"binary_data_size": 3}`), "abc", "both data", 400},
		"a header length beyond all":   {"", "", lengthHeader, 400},
		"an id that is no text":        {`{"id": 7, "inputs": []}`, "", "id: a text expected", 400},
		"another version of the model": {"", "", "version \"9\"", 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, headers := "/v2/models/linear/infer", []string(nil)
			if c.tail != "" {
				headers = []string{lengthHeader, strconv.Itoa(len(c.body))}
			}
			if strings.Contains(name, "beyond all") {
				headers = []string{lengthHeader, "10"}
			}
			if c.status == 404 {
				path = "/v2/models/linear/versions/9/infer"
			}
			got := server.post(path, asJSON, []byte(c.body+c.tail), headers...)
			require.Equal(t, c.status, got.status, string(got.body))
			_, message := got.failure(t)
			require.Contains(t, message, c.says)
		})
	}
	require.Equal(t, 415, server.post("/v2/models/linear/infer", "text/csv", nil).status)
}

// TestBatchesAnswerAsTheUnbatchedModel: rows do not depend on their neighbours.
func TestBatchesAnswerAsTheUnbatchedModel(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/linear.onnx")
	for _, batch := range []int{10, 2, 10, 7} {
		body, want := bytes.Buffer{}, bytes.Buffer{}
		for i := range batch {
			fmt.Fprintf(&body, "%d,0,0,%d,", i, 2*i)
			fmt.Fprintf(&want, "%d,%d,%d,", 3*i, 2*i, i+10)
		}
		got := server.post("/v2/models/linear/infer", asJSON, fmt.Appendf(nil,
			`{"inputs": [{"name": "x", "datatype": "FP32", "shape": [%d, 4], "data": [%s]}]}`, batch, strings.TrimSuffix(body.String(), ",")))
		require.Equal(t, 200, got.status)
		require.Contains(t, string(got.body), fmt.Sprintf(`"data":[%s]`, strings.TrimSuffix(want.String(), ",")))
	}
}

func little(t *testing.T, values any) []byte {
	t.Helper()
	data, err := binary.Append(nil, binary.LittleEndian, values)
	require.NoError(t, err)
	return data
}

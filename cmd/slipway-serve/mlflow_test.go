package main_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const asJSON = "application/json"

func TestInvocations(t *testing.T) {
	t.Parallel()
	servers := map[string]*instance{}
	for _, model := range []string{"linear", "two", "types", "log"} {
		servers[model] = start(t, "testdata/"+model+".onnx")
	}
	for name, c := range map[string]struct{ model, body, want string }{
		"inputs: the only input": {
			"linear", `{"inputs": [[1, 2, 3, 4], [0, 0, 0, 0]]}`, `{"predictions": {"y": [[5, 6, 16], [0, 0, 10]]}}`,
		},
		"inputs: by name": {
			"linear", `{"inputs": {"x": [[1, 2, 3, 4]]}, "params": {"a": 1}}`, `{"predictions": {"y": [[5, 6, 16]]}}`,
		},
		"instances: rows": {
			"linear", `{"instances": [[1, 2, 3, 4]]}`, `{"predictions": {"y": [[5, 6, 16]]}}`,
		},
		"instances: objects": {
			"two", `{"instances": [{"a": 1, "b": 2}, {"b": 4, "a": 3}]}`,
			`{"predictions": {"sum": [[3], [7]], "product": [[2], [12]]}}`,
		},
		"instances: an object of the only input": {
			"linear", `{"instances": [{"x": [1, 2, 3, 4]}]}`, `{"predictions": {"y": [[5, 6, 16]]}}`,
		},
		"dataframe_split: a matrix; as many rows as elements": {
			"linear", `{"dataframe_split": {"index": [0], "columns": ["a", "b", "c", "d"], "data": [[1, 2, 3, 4]]}}`,
			`{"predictions": [{"y": 5}, {"y": 6}, {"y": 16}]}`,
		},
		"dataframe_split: a column an input": {
			"two", `{"dataframe_split": {"columns": ["b", "other", "a"], "data": [[2, "x", 1], [4, null, 3]]}}`,
			`{"predictions": [{"sum": 3, "product": 2}, {"sum": 7, "product": 12}]}`,
		},
		"dataframe_split: columns by number": {
			"linear", `{"dataframe_split": {"columns": [0, 1, 2, 3], "data": [[1, 2, 3, 4]]}}`,
			`{"predictions": [{"y": 5}, {"y": 6}, {"y": 16}]}`,
		},
		"dataframe_split: a column of lists": {
			"linear", `{"dataframe_split": {"columns": ["x"], "data": [[[1, 2, 3, 4]]]}}`,
			`{"predictions": [{"y": 5}, {"y": 6}, {"y": 16}]}`,
		},
		"dataframe_records": {
			"two", `{"dataframe_records": [{"a": 1, "b": 2}, {"b": 4, "a": 3}]}`,
			`{"predictions": [{"sum": 3, "product": 2}, {"sum": 7, "product": 12}]}`,
		},
		"every type": {
			"types", `{"inputs": {"f32": [1.5], "f64": [0.1], "i8": [-128], "i16": [-3e2], "i32": [1.0], "i64": [-9223372036854775808],
				"u8": [255], "u16": [65535], "u32": [4294967295], "u64": [18446744073709551615], "flag": [true], "text": ["a\"\u00e4<"]}}`,
			`{"predictions": {"f32_out": [1.5], "f64_out": [0.1], "i8_out": [-128], "i16_out": [-300], "i32_out": [1],
				"i64_out": [-9223372036854775808], "u8_out": [255], "u16_out": [65535], "u32_out": [4294967295],
				"u64_out": [18446744073709551615], "flag_out": [true], "text_out": ["a\"ä<"]}}`,
		},
		"NaN and infinity are null": {
			"log", `{"inputs": [1, 0, -1, null]}`, `{"predictions": {"y": [0, null, null, null], "total": null}}`,
		},
		"an output without dimensions": {
			"log", `{"inputs": [1, 1]}`, `{"predictions": {"y": [0, 0], "total": 2}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := servers[c.model].post("/invocations", asJSON+"; charset=utf-8", []byte(c.body))
			require.Equal(t, 200, got.status, string(got.body))
			require.Equal(t, asJSON, got.header.Get("Content-Type"))
			require.JSONEq(t, c.want, string(got.body))
		})
	}
}

func TestInvocationsRefuses(t *testing.T) {
	t.Parallel()
	servers := map[string]*instance{}
	for _, model := range []string{"linear", "two", "types"} {
		servers[model] = start(t, "testdata/"+model+".onnx")
	}
	for name, c := range map[string]struct{ model, body, says string }{
		"nothing":                  {"linear", ``, "an object expected at the end"},
		"no JSON":                  {"linear", `inputs=1`, "an object expected"},
		"no object":                {"linear", `[1, 2]`, "an object expected"},
		"cut off":                  {"linear", `{"inputs": [[1, 2, 3`, "the end of the body"},
		"more behind it":           {"linear", `{"inputs": [[1, 2, 3, 4]]} {}`, "nothing may follow"},
		"an empty object":          {"linear", `{}`, "none of inputs"},
		"an unknown key":           {"linear", `{"input": [[1, 2, 3, 4]]}`, `unknown key "input"`},
		"two of the keys":          {"linear", `{"inputs": [[1, 2, 3, 4]], "instances": []}`, `both "inputs" and "instances"`},
		"a text for a number":      {"linear", `{"inputs": [[1, 2, 3, "four"]]}`, "inputs[0][3]: a number expected"},
		"a number like no JSON":    {"linear", `{"inputs": [[1, 2, 3, 04]]}`, "inputs[0][3]: a number expected"},
		"NaN unquoted":             {"linear", `{"inputs": [[1, 2, 3, NaN]]}`, "inputs[0][3]: a number expected"},
		"a list among numbers":     {"linear", `{"inputs": [[1, 2, 3, [4]]]}`, "inputs[0][3]"},
		"a number among lists":     {"linear", `{"inputs": [[1, 2, 3, 4], 5]}`, "inputs[1]"},
		"rows of unequal length":   {"linear", `{"inputs": [[1, 2, 3, 4], [1, 2, 3]]}`, "inputs[1]: lists of different lengths side by side: 4 and 3"},
		"another width":            {"linear", `{"inputs": [[1, 2, 3]]}`, "inputs.x: the shape is [1 3], the model takes [batch,4]"},
		"too few dimensions":       {"linear", `{"inputs": [1, 2, 3, 4]}`, "inputs.x: the shape is [4]"},
		"no rows":                  {"linear", `{"inputs": []}`, "inputs.x"},
		"too large for FP32":       {"linear", `{"inputs": [[1, 2, 3, 1e39]]}`, "out of range"},
		"nested without an end":    {"linear", `{"inputs": ` + strings.Repeat("[", 100000), "nested deeper"},
		"objects without an end":   {"linear", strings.Repeat(`{"params":`, 100000), "nested deeper"},
		"an unknown input":         {"two", `{"inputs": {"a": [[1]], "c": [[2]]}}`, `no input "c"`},
		"an input missing":         {"two", `{"inputs": {"a": [[1]]}}`, `input "b" is missing`},
		"an input twice":           {"two", `{"inputs": {"a": [[1]], "a": [[1]]}}`, "given twice"},
		"a list for two inputs":    {"two", `{"inputs": [[1]]}`, `"a", "b"`},
		"one symbol, two sizes":    {"two", `{"inputs": {"a": [[1]], "b": [[1], [2]]}}`, `"n" is 1 elsewhere`},
		"instances lack an input":  {"two", `{"instances": [{"a": 1}]}`, `input "b" is missing`},
		"instances know another":   {"two", `{"instances": [{"a": 1, "z": 1}]}`, `no input "z"`},
		"a record lacks a column":  {"two", `{"dataframe_records": [{"a": 1, "b": 2}, {"a": 3}]}`, `dataframe_records[1]: column "b" is missing`},
		"records lack a column":    {"two", `{"dataframe_records": [{"a": 1}]}`, `column "b" is missing`},
		"a record knows another":   {"two", `{"dataframe_records": [{"a": 1, "b": 2}, {"a": 3, "b": 1, "c": 2}]}`, `column "c"`},
		"no records":               {"two", `{"dataframe_records": []}`, "no rows"},
		"split without columns":    {"two", `{"dataframe_split": {"data": [[1]]}}`, "columns and data"},
		"split without data":       {"two", `{"dataframe_split": {"columns": ["a"]}}`, "columns and data"},
		"split: a row too short":   {"two", `{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3]]}}`, "data[1]: 1 values for 2 columns"},
		"split: an unknown key":    {"two", `{"dataframe_split": {"columns": ["a"], "rows": []}}`, `unknown key "rows"`},
		"split: a text":            {"two", `{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, "x"]]}}`, `row 1, column "b"`},
		"below an integer's range": {"types", `{"inputs": {"i8": [-129]}}`, "inputs.i8[0]: -129 is out of range for INT8"},
		"above an integer's range": {"types", `{"inputs": {"u64": [18446744073709551616]}}`, "out of range for UINT64"},
		"negative and unsigned":    {"types", `{"inputs": {"u8": [-1]}}`, "out of range for UINT8"},
		"a fraction for a whole":   {"types", `{"inputs": {"i32": [1.5]}}`, "1.5 is no whole number"},
		"a number for a truth":     {"types", `{"inputs": {"flag": [1]}}`, "inputs.flag[0]: true or false expected"},
		"a number for a text":      {"types", `{"inputs": {"text": [1]}}`, "inputs.text[0]: a text expected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := servers[c.model].post("/invocations", asJSON, []byte(c.body))
			require.Equal(t, 400, got.status, string(got.body))
			code, message := got.failure(t)
			require.Equal(t, "INVALID_PARAMETER_VALUE", code)
			require.Contains(t, message, c.says)
		})
	}
	for _, contentType := range []string{"", "text/csv", "application/octet-stream"} {
		got := servers["linear"].post("/invocations", contentType, []byte(`{"inputs": [[1, 2, 3, 4]]}`))
		require.Equal(t, 415, got.status, contentType)
	}
	got := servers["linear"].post("/invocations", asJSON, []byte("\x1f\x8b"), "Content-Encoding", "gzip")
	require.Equal(t, 415, got.status)
}

// TestSignatureOrdersColumns: the model's columns in the signature's order,
// others left out, as MLflow does.
func TestSignatureOrdersColumns(t *testing.T) {
	t.Parallel()
	signature := `[{"type": "double", "name": "a", "required": true}, {"type": "double", "name": "b"},
		{"type": "double", "name": "c"}, {"type": "double", "name": "d"}]`
	quoted, err := json.Marshal(signature)
	require.NoError(t, err)
	server := start(t, folder(t, map[string][]byte{
		"MLmodel":    fmt.Appendf(nil, "flavors:\n  onnx: {data: model.onnx}\nsignature:\n  inputs: %s\n", quoted),
		"model.onnx": readFile(t, "testdata/linear.onnx"),
	}))
	got := server.post("/invocations", asJSON, []byte(`{"dataframe_records": [{"d": 4, "note": "x", "c": 3, "b": 2, "a": 1}]}`))
	require.JSONEq(t, `{"predictions": [{"y": 5}, {"y": 6}, {"y": 16}]}`, string(got.body))
	got = server.post("/invocations", asJSON, []byte(`{"dataframe_records": [{"a": 4, "b": 3, "c": 2}]}`))
	require.Equal(t, 400, got.status)
	_, message := got.failure(t)
	require.Contains(t, message, `column "d" is missing`)
}

// TestOneWrongRequestAmongTwenty: the others are answered, each with its own rows.
func TestOneWrongRequestAmongTwenty(t *testing.T) {
	t.Parallel()
	server := start(t, "testdata/linear.onnx")
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			if i == 7 {
				got := server.post("/invocations", asJSON, []byte(`{"inputs": [[1]]}`))
				require.Equal(t, 400, got.status)
				return
			}
			got := server.post("/invocations", asJSON, fmt.Appendf(nil, `{"inputs": [[%d, 0, 0, 0]]}`, i))
			require.Equal(t, 200, got.status)
			require.JSONEq(t, fmt.Sprintf(`{"predictions": {"y": [[%d, 0, %d]]}}`, i, i+10), string(got.body))
		})
	}
	wait.Wait()
	require.Equal(t, "19", server.metric(`slipway_serve_requests_total{route="invocations",status="200"}`))
	require.Equal(t, "1", server.metric(`slipway_serve_requests_total{route="invocations",status="400"}`))
	require.Equal(t, "0", server.metric(`slipway_serve_errors_total{code="MODEL_FAILED",route="invocations"}`))
}

// TestFragileFailsInEveryProtocol with 500, on input that is in order.
func TestFragileFailsInEveryProtocol(t *testing.T) {
	t.Parallel()
	server := start(t, filepath.Join(shapes, "v3-fragile.onnx"), "--name", "shapes", "--version", "3")
	zeros := strings.TrimSuffix(strings.Repeat("0,", 3*160*160), ",")
	infer := fmt.Sprintf(`{"inputs": [{"name": "images", "datatype": "FP32", "shape": [1, 3, 160, 160], "data": [%s]}]}`, zeros)
	row := "[" + strings.TrimSuffix(strings.Repeat("0,", 160), ",") + "]"
	plane := "[" + strings.TrimSuffix(strings.Repeat(row+",", 160), ",") + "]"
	for path, body := range map[string]string{
		"/v2/models/shapes/infer": infer,
		"/invocations":            fmt.Sprintf(`{"inputs": [[%s, %s, %s]]}`, plane, plane, plane),
	} {
		got := server.post(path, asJSON, []byte(body))
		require.Equal(t, 500, got.status, string(got.body))
		code, _ := got.failure(t)
		require.Equal(t, "MODEL_FAILED", code)
	}
	require.Equal(t, "1", server.metric(`slipway_serve_errors_total{code="MODEL_FAILED",route="infer"}`))
	require.Equal(t, "1", server.metric(`slipway_serve_errors_total{code="MODEL_FAILED",route="invocations"}`))
}

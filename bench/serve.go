package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// serve measures slipway-serve by both protocols, and with pictures, beside a
// loop in one process that only calls ONNX Runtime.
func (b *bench) serve(ctx context.Context) (string, error) {
	limit, err := b.bareLoop(ctx)
	if err != nil {
		return "", err
	}
	absolute := func(path string) string { a, _ := filepath.Abs(path); return a }
	b.tell("slipway-serve")
	s, err := b.start(ctx, filepath.Join(b.work, "serve"), func(port string) []string {
		return []string{
			absolute(filepath.Join(b.bin, "slipway-serve")), "--model", absolute(b.model), "--name", "bench", "--version", "1",
			"--port", port, "--threads", "1", "--ort", absolute(filepath.Join(b.bin, "libonnxruntime.so")),
		}
	})
	if err != nil {
		return "", err
	}
	defer s.stop()

	picture, err := os.ReadFile(filepath.Join(filepath.Dir(b.model), "val", "images", "0000.jpg"))
	if err != nil {
		return "", err
	}
	body, header := inferBinary()
	var rows []row
	for _, c := range []struct {
		name, path string
		header     http.Header
		body       []byte
	}{
		{"tensor, v2 binary", "/v2/models/bench/infer", header, body},
		{"tensor, MLflow JSON", "/invocations", asJSON, invocation()},
		{"picture, /detect", "/detect", http.Header{"Content-Type": {"image/jpeg"}}, picture},
	} {
		got, err := b.load(ctx, func(ctx context.Context, _ int) error {
			return call(ctx, "POST", s.url+c.path, c.header, c.body)
		})
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.name, err)
		}
		rows = append(rows, row{c.name, got, limit})
	}
	return servingTable(rows), nil
}

// bareLoop is the limit: as many threads as the machine has, each calling
// Run of a session with one thread.
func (b *bench) bareLoop(ctx context.Context) (result, error) {
	b.tell("a bare ONNX Runtime loop")
	out, err := exec.CommandContext(ctx, b.python, "bench/loop.py", b.model, strconv.FormatFloat(b.span.Seconds(), 'f', -1, 64)).Output()
	if err != nil {
		return result{}, fmt.Errorf("bench/loop.py: %w", err)
	}
	var got struct {
		PerSecond float64 `json:"per_second"`
		P99       float64 `json:"p99_seconds"`
	}
	if err := json.Unmarshal(out, &got); err != nil {
		return result{}, err
	}
	return result{perSecond: got.PerSecond, p99: time.Duration(got.P99 * float64(time.Second))}, nil
}

const inputName, inputSide = "images", 160

func input() []float32 {
	values := make([]float32, 3*inputSide*inputSide)
	for i := range values {
		values[i] = float32(i*7919%256) / 255
	}
	return values
}

// inferBinary is a request of the Open Inference Protocol with its binary
// tensor extension: JSON first, the tensor's bytes behind it.
func inferBinary() ([]byte, http.Header) {
	values := input()
	head := fmt.Appendf(nil, `{"inputs":[{"name":%q,"shape":[1,3,%d,%d],"datatype":"FP32","parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`,
		inputName, inputSide, inputSide, 4*len(values))
	body := head
	for _, v := range values {
		body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
	}
	return body, http.Header{
		"Content-Type":                    {"application/octet-stream"},
		"Inference-Header-Content-Length": {strconv.Itoa(len(head))},
	}
}

// invocation is the same tensor as MLflow's scoring protocol writes it.
func invocation() []byte {
	values := input()
	channels := make([][][]float32, 3)
	for c := range channels {
		for range inputSide {
			channels[c] = append(channels[c], values[:inputSide])
			values = values[inputSide:]
		}
	}
	text, err := json.Marshal(map[string]any{"inputs": map[string]any{inputName: [][][][]float32{channels}}})
	if err != nil {
		panic(err) // numbers always encode
	}
	return text
}

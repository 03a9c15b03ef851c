package checks_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// oneNode is a model of one node from x to y, both FP32 [1,4], with weights.
func oneNode(node message, weights ...message) string {
	graph := message{}.text(1, string(node)).text(2, "g")
	for _, w := range weights {
		graph = graph.text(5, string(w))
	}
	m := made{dims: []int64{1, 4}}
	free := message{}.text(1, "y").text(2, string(message{}.text(1, string(message{}.number(1, 1)))))
	graph = graph.text(11, m.value("x")).text(12, string(free))
	return string(message{}.number(1, 8).text(7, string(graph)).text(8, string(message{}.text(1, "").number(2, 17))))
}

// endless is a Loop whose condition stays true.
func endless() string {
	scalar := func(name string, kind uint64) string {
		return string(message{}.text(1, name).text(2, string(message{}.text(1, string(message{}.number(1, int64(kind)).text(2, ""))))))
	}
	const whole, truth = 7, 9
	row := made{dims: []int64{1, 4}}
	body := message{}.
		text(1, string(message{}.text(1, "go").text(2, "on").text(4, "Identity"))).
		text(1, string(message{}.text(1, "v").text(2, "w").text(4, "Sqrt"))).
		text(2, "body").
		text(11, scalar("i", whole)).text(11, scalar("go", truth)).text(11, row.value("v")).
		text(12, scalar("on", truth)).text(12, row.value("w"))
	loop := message{}.text(1, "").text(1, "yes").text(1, "x").text(2, "y").text(4, "Loop").
		text(5, string(message{}.text(1, "body").text(6, string(body)).number(20, 5)))
	return oneNode(loop, message{}.number(2, truth).text(8, "yes").number(5, 1))
}

// expanding is a model that makes x of that many rows.
func expanding(rows int64) string {
	shape := message{}.number(1, 2).number(2, 7).text(8, "s").number(7, rows).number(7, 4)
	return oneNode(message{}.text(1, "x").text(1, "s").text(2, "y").text(4, "Expand"), shape)
}

func TestAHostileModelFailsItsStepAndNoOther(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		model string
		want  string // a pattern of the reason
	}{
		"a loop without end":          {endless(), `^onnx: it fails on uniform noise of shape \[1,4\]: .*the model took longer than 3s`},
		"100 GiB at once":             {expanding(100 << 30 / 16), `^onnx: it fails on uniform noise of shape \[1,4\]: .*(allocate|bad_alloc)`},
		"more memory than is allowed": {expanding(700 << 20 / 16), `^onnx: (the model took too much memory while it was asked: it used \d+ MiB of memory, its limit is 512 MiB|it fails on uniform noise .*allocate)`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.Settings.ServeMemory, w.Settings.Answer = 512<<20, 3*time.Second
			w.apply("    - check: onnx\n")
			v := w.validate(w.register(with(tt.model, nil)))
			require.Equal(t, models.ValidationFailed, v.State, v.Reason)
			require.Regexp(t, tt.want, v.Reason)

			v = w.validate(w.register(with(made{operators: []string{"Sqrt"}}.onnx(), nil)))
			require.Equal(t, models.ValidationPassed, v.State, v.Reason)
		})
	}
}

func TestAModelThatCrashesSlipwayServeFails(t *testing.T) {
	t.Parallel()
	const serves = `while [ "$1" != --address-file ]; do shift; done; echo 127.0.0.1:1 > "$2"; `
	tests := map[string]struct{ script, want string }{
		"while it is loaded, by a signal":       {"kill -SEGV $$", "the model crashed slipway-serve while it was loaded: signal crashed: segmentation fault"},
		"while it is loaded, in Go's words":     {"echo 'SIGSEGV: segmentation violation' >&2; echo 'PC=0x0' >&2; exit 2", "while it was loaded: SIGSEGV: segmentation violation"},
		"while it is asked":                     {serves + "echo 'fatal error: unexpected signal' >&2; exit 2", "the model crashed slipway-serve while it was asked: fatal error: unexpected signal"},
		"by all the memory, while it is loaded": {"tail /dev/zero", "the model took too much memory while it was loaded: it used"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Settings.ServeMemory = 64 << 20
			script := filepath.Join(t.TempDir(), "slipway-serve")
			require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755))
			w.Settings.Serve, w.Settings.Runtime = script, script
			w.apply("    - check: onnx\n")
			v := w.validate(w.register(onnxFiles(t, "v1")))
			require.Equal(t, models.ValidationFailed, v.State, v.Reason)
			require.Contains(t, v.Reason, tt.want)
			require.NotEmpty(t, v.Steps[0].Findings[0].Remedy)
		})
	}
}

// processesOf counts the processes that a validation service started: its work
// folder is in their command lines.
func processesOf(w *world) int {
	count := 0
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range found {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), w.Settings.Work) {
			count++
		}
	}
	return count
}

func TestACancelledValidationLeavesNoProcess(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"onnx", "latency", "signature"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.needServe()
			w.apply("    - check: " + step + "\n")
			example := files{"MLmodel": withExample, "serving_input_example.json": `{"inputs": [[1, 4, 9, 16]]}`}
			created, err := w.Create(t.Context(), "m", w.register(with(endless(), example)).Number, validation.Ask{})
			require.NoError(t, err)
			done := make(chan error, 1)
			go func() {
				done <- validation.Validate{Service: w.Service}.Work(t.Context(), arguments(t, "validation_id", created.ID))
			}()
			require.Eventually(t, func() bool { return processesOf(w) > 0 }, 30*time.Second, 10*time.Millisecond)
			_, err = w.Cancel(t.Context(), created.ID, "no use")
			require.NoError(t, err)
			begin := time.Now()
			require.NoError(t, <-done)
			require.Zero(t, processesOf(w))
			require.Less(t, time.Since(begin), 5*time.Second+slack, "of which the machine may be busy")
			v, err := w.Get(t.Context(), created.ID)
			require.NoError(t, err)
			require.Equal(t, models.ValidationCancelled, v.State)
		})
	}
}

// slack is what a busy machine may take beside.
const slack = 10 * time.Second

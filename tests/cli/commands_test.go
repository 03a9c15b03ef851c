package cli_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const mlmodel = `flavors:
  onnx: {data: model.onnx, onnx_version: 1.22.0, providers: [CPUExecutionProvider]}
  python_function: {data: model.onnx, loader_module: mlflow.onnx, python_version: 3.11.9}
mlflow_version: 3.17.2
`

// model DIR DETECTOR makes an MLflow model folder of one of the detectors.
func model(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: model DIR DETECTOR")
	}
	ts.Check(writeModel(ts.MkAbs(args[0]), args[1]))
}

func writeModel(dir, detector string) error {
	onnx, err := os.ReadFile(filepath.Join(shapes(), detector+".onnx"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{"MLmodel": mlmodel, "requirements.txt": "onnx==1.22.0\nonnxruntime==1.32.0\n", "model.onnx": string(onnx)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// until PATTERN COMMAND... gives a command until its output matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND...")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	for range 300 {
		_ = ts.Exec(args[1], args[2:]...)
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	ts.Fatalf("nothing like %q in 30 s; at last: %s", args[0], ts.ReadFile("stdout"))
}

// load is the traffic of one scenario.
type load struct {
	stop    context.CancelFunc
	senders sync.WaitGroup
	lost    sync.Map // what went wrong
}

// traffic MODEL ENVIRONMENT sends live pictures to an environment until
// "! traffic", which fails where a request was not answered well.
func traffic(ts *testscript.TestScript, neg bool, args []string) {
	l := ts.Value("load").(*load)
	if neg {
		l.end()
		l.lost.Range(func(what, _ any) bool {
			ts.Fatalf("a request was lost: %s", what)
			return false
		})
		return
	}
	if len(args) != 2 {
		ts.Fatalf("usage: traffic MODEL ENVIRONMENT")
	}
	names, err := filepath.Glob(filepath.Join(shapes(), "live", "*.jpg"))
	ts.Check(err)
	pictures := make([][]byte, len(names))
	for i, name := range names {
		pictures[i], err = os.ReadFile(name)
		ts.Check(err)
	}
	address := ts.Getenv("MLFLOW_TRACKING_URI") + "/serve/" + args[0] + "/" + args[1] + "/detect"
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	for range 2 {
		l.senders.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if what := send(ctx, address, pictures[i%len(pictures)]); what != "" && ctx.Err() == nil {
					l.lost.Store(what, true)
				}
			}
		})
	}
	ts.Defer(l.end)
}

func (l *load) end() {
	l.stop()
	l.senders.Wait()
}

func send(ctx context.Context, address string, picture []byte) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(picture))
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Content-Type", "image/jpeg")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp.Status + " " + string(body)
	}
	return ""
}

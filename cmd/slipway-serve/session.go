package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/slipway-ml/slipway/services/serving"
)

// session is a loaded model. It implements serving.Runner.
type session struct {
	ort     *ort.DynamicAdvancedSession
	runtime string
	info    serving.Info
	columns []string
}

// openSession loads ONNX Runtime and the model. A brokenModelError says that
// the model is at fault, any other error that we are.
func openSession(model, library string, threads int) (*session, error) {
	// Left to itself, ONNX Runtime reports its use to its makers, and keeps what
	// it could not send in the home folder.
	if err := os.Setenv("ORT_DISABLE_TELEMETRY", "1"); err != nil {
		return nil, err
	}
	ort.SetSharedLibraryPath(library)
	// What goes wrong is told in errors; ONNX Runtime's own lines on stderr would
	// stand between ours.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		return nil, fmt.Errorf("ONNX Runtime %s: %w", library, err)
	}
	s := &session{runtime: "onnxruntime " + ort.GetVersion()}
	folder, err := serving.OpenFolder(model)
	if err != nil {
		return nil, &brokenModelError{message: "the model is not complete", cause: err}
	}
	s.columns = folder.Columns
	if s.info, err = serving.ReadInfo(folder.ONNX); err != nil {
		return nil, &brokenModelError{message: filepath.Base(folder.ONNX) + " cannot be served", cause: err}
	}
	options, err := sessionOptions(threads)
	if err != nil {
		return nil, fmt.Errorf("session options: %w", err)
	}
	defer options.Destroy() //nolint:errcheck // frees memory
	s.ort, err = ort.NewDynamicAdvancedSession(folder.ONNX, specNames(s.info.Inputs), specNames(s.info.Outputs), options)
	if err != nil {
		return nil, s.broken(filepath.Base(folder.ONNX), err)
	}
	return s, nil
}

func sessionOptions(threads int) (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	return o, errors.Join(
		o.SetIntraOpNumThreads(threads), o.SetInterOpNumThreads(1), o.SetLogSeverityLevel(ort.LoggingLevelFatal),
		// Threads that wait by spinning take the processor from the other runs.
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
	)
}

func specNames(specs []serving.Spec) []string {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	return names
}

// Close frees the model and the runtime.
func (s *session) Close() {
	_ = s.ort.Destroy()
	_ = ort.DestroyEnvironment()
}

// Run implements serving.Runner. A context that ends stops the model between
// two of its nodes.
func (s *session) Run(ctx context.Context, inputs []serving.Tensor) ([]serving.Tensor, error) {
	values := make([]ort.Value, len(inputs))
	defer destroy(values)
	for i, t := range inputs {
		var err error
		if values[i], err = toValue(t); err != nil {
			return nil, fmt.Errorf("input %q: %w", t.Name, err)
		}
	}
	results := make([]ort.Value, len(s.info.Outputs))
	defer destroy(results)
	for i, spec := range s.info.Outputs {
		if !spec.Free && len(spec.Dims) == 0 { // the binding cannot make these by itself
			var err error
			if results[i], err = newScalar(spec.Type); err != nil {
				return nil, fmt.Errorf("output %q: %w", spec.Name, err)
			}
		}
	}
	if err := s.runUntil(ctx, values, results); err != nil {
		return nil, err
	}
	outputs := make([]serving.Tensor, len(results))
	for i, v := range results {
		var err error
		if outputs[i], err = fromValue(s.info.Outputs[i].Name, v); err != nil {
			return nil, fmt.Errorf("output %q: %w", s.info.Outputs[i].Name, err)
		}
	}
	return outputs, nil
}

func (s *session) runUntil(ctx context.Context, inputs, outputs []ort.Value) error {
	options, err := ort.NewRunOptions()
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = options.Terminate()
	})
	err = s.ort.RunWithOptions(inputs, outputs, options)
	if !stop() {
		<-ended // Terminate still holds the options
	}
	_ = options.Destroy()
	return err
}

func destroy(values []ort.Value) {
	for _, v := range values {
		if v != nil {
			_ = v.Destroy()
		}
	}
}

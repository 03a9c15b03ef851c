package runtimes

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ONNX serves an ONNX model natively, by slipway-serve and ONNX Runtime.
type ONNX struct{}

// Name implements Runtime.
func (ONNX) Name() string { return "onnx" }

// Suits implements Runtime: a model of MLflow's onnx flavour, or one ONNX file
// and no MLmodel.
func (ONNX) Suits(m Model) bool {
	return slices.Contains(m.Flavors, "onnx") || bare(m) != ""
}

// Files implements Runtime.
func (ONNX) Files(dir string) []File {
	return []File{
		{Path: "slipway/bin/slipway-serve", Mode: 0o755, Source: filepath.Join(dir, "slipway-serve")},
		{Path: "slipway/lib/libonnxruntime.so", Mode: 0o644, Source: filepath.Join(dir, "libonnxruntime.so")},
	}
}

// Entrypoint implements Runtime.
func (ONNX) Entrypoint(m Model) []string {
	return []string{
		"/slipway/bin/slipway-serve", "--model", path.Join("/model", bare(m)), "--name", m.Name, "--version", strconv.FormatInt(m.Version, 10),
		"--host", "0.0.0.0", "--port", "8080", "--ort", "/slipway/lib/libonnxruntime.so",
	}
}

// bare is the one ONNX file of a model that was not logged by MLflow.
func bare(m Model) string {
	if len(m.Flavors) > 0 {
		return ""
	}
	var found []string
	for _, p := range m.Paths {
		if strings.HasSuffix(strings.ToLower(p), ".onnx") {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

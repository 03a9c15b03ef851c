// Package testbed finds the real parts that tests use: the built programs, the
// Python environment with the stock MLflow client, Prometheus, Docker. A test
// whose part is missing is skipped with one line that says how to get it, and
// fails instead where SLIPWAY_TEST_REQUIRE=1 is set, as CI does.
package testbed

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Missing skips the test because part is not here, or fails it where every
// part is required.
func Missing(t testing.TB, part, remedy string) {
	t.Helper()
	if os.Getenv("SLIPWAY_TEST_REQUIRE") == "1" {
		t.Fatalf("%s is missing: %s", part, remedy)
	}
	t.Skipf("%s is missing: %s", part, remedy)
}

// Root is the top folder of the checkout.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// Bin is the folder of slipway, slipway-serve and libonnxruntime.so, which
// "make build" fills.
func Bin(t testing.TB) string {
	t.Helper()
	bin := filepath.Join(Root(t), "bin")
	for _, name := range []string{"slipway", "slipway-serve", "libonnxruntime.so"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			Missing(t, "bin/"+name, "make build")
		}
	}
	return bin
}

// UV is the program that makes Python environments.
func UV(t testing.TB) string {
	t.Helper()
	uv := filepath.Join(Bin(t), "uv")
	if _, err := os.Stat(uv); err != nil {
		Missing(t, "bin/uv", "make build")
	}
	return uv
}

// Python is the interpreter of the environment with the stock MLflow client,
// onnx, onnxruntime and pytest.
func Python(t testing.TB) string {
	t.Helper()
	python := filepath.Join(Cache(t), "python", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		Missing(t, "the Python environment", "make python")
	}
	return python
}

// BasePython is the interpreter that Python's environment was made with.
func BasePython(t testing.TB) string {
	t.Helper()
	out, err := exec.Command(Python(t), "-c", "import os, sys; print(os.path.join(sys.base_prefix, 'bin', 'python3'))").Output()
	if err != nil {
		t.Fatalf("ask for the Python of the environment: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// Cache is the folder that holds what was fetched and built for the tests:
// SLIPWAY_CACHE, or .cache in the checkout.
func Cache(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("SLIPWAY_CACHE"); dir != "" {
		return dir
	}
	return filepath.Join(Root(t), ".cache")
}

// Program is the path of a program, such as prometheus, that "make testbed"
// put into the cache folder or that is installed.
func Program(t testing.TB, name string) string {
	t.Helper()
	kept := filepath.Join(Cache(t), "bin", name)
	if _, err := os.Stat(kept); err == nil {
		return kept
	}
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name, "make testbed")
	}
	return path
}

// MLflowUI is the build folder of MLflow's web interface, which the stock
// client's package carries.
func MLflowUI(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(Python(t)), "..", "lib", "python3*", "site-packages", "mlflow", "server", "js", "build"))
	if err != nil || len(found) != 1 {
		Missing(t, "the build folder of MLflow's web interface", "make python")
	}
	return found[0]
}

package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/services/mask"
)

// steps measures the run: steps of a validation: how soon pytest speaks, whether
// ten of them keep the cores busy, what an environment costs beside uv alone,
// and how fast secrets are masked.
func (b *bench) steps(ctx context.Context) (string, error) {
	b.tell("run: steps")
	var page strings.Builder
	page.WriteString("\n### run: steps\n\n| what | measured | goal |\n|---|---|---|\n")
	for _, measure := range []func(context.Context) (string, error){b.firstLine, b.tenSteps, b.environment, b.masking} {
		row, err := measure(ctx)
		if err != nil {
			return "", err
		}
		page.WriteString(row)
	}
	return page.String(), nil
}

// anyIndex lets uv ask an index of the office, too.
var anyIndex = []string{"--sources-allow-private-ips"}

// Whatever pytest does first: it notes the time.
const conftest = `import json, os, time

def pytest_configure(config):
    with open(os.environ["SLIPWAY_OUTPUT_DIR"] + "/measurements.json", "w") as file:
        json.dump({"first_line": time.time()}, file)
`

func (b *bench) written(name string, files map[string]string) ([]string, error) {
	folder := filepath.Join(b.work, "files-"+name)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	var all []string
	for path, text := range files {
		all = append(all, filepath.Join(folder, path))
		if err := os.WriteFile(filepath.Join(folder, path), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (b *bench) firstLine(ctx context.Context) (string, error) {
	files, err := b.written("first", map[string]string{
		"MLmodel": "flavors: {}\n", "conftest.py": conftest, "test_it.py": "def test_it():\n    pass\n", "requirements.txt": "pytest\nnumpy\n",
	})
	if err != nil {
		return "", err
	}
	got, err := b.validate(ctx, validated{
		name: "first", files: files, flags: anyIndex, steps: `[{run: python -m pytest -q, python: "3.11", requirements: requirements.txt}]`,
	})
	if err != nil {
		return "", err
	}
	line := got.figures["first_line"] - float64(got.began.UnixNano())/1e9
	return fmt.Sprintf("| from the step's start to pytest's first line, environment cached, on process | %.2f s | 1 s |\n", line), nil
}

func (b *bench) tenSteps(ctx context.Context) (string, error) {
	files, err := b.written("ten", map[string]string{"MLmodel": "flavors: {}\n"})
	if err != nil {
		return "", err
	}
	const burn = `python3 -c "import time; [0 for _ in iter(lambda: time.process_time() < 1, False)]"`
	var steps []string
	for i := range 10 {
		steps = append(steps, fmt.Sprintf("{name: s%d, needs: [], run: %q}", i, burn))
	}
	got, err := b.validate(ctx, validated{name: "ten", files: files, steps: "[" + strings.Join(steps, ", ") + "]"})
	if err != nil {
		return "", err
	}
	cores := runtime.GOMAXPROCS(0)
	return fmt.Sprintf("| ten steps that burn a second of processor each: cores kept busy of %d | %.2f | %d |\n", cores, got.cpu.Seconds()/got.took.Seconds(), cores), nil
}

// environment makes one of the same packages twice, by a step and by uv, each
// with a cache that has them already.
func (b *bench) environment(ctx context.Context) (string, error) {
	const packages = "numpy\npandas\npytest\nscikit-learn\nsix==1.%d.0\n" // another six is another environment
	texts := map[string]string{"MLmodel": "flavors: {}\n"}
	for _, minor := range []int{15, 16} {
		texts[fmt.Sprintf("r%d.txt", minor)] = fmt.Sprintf(packages, minor)
	}
	files, err := b.written("uv", texts)
	if err != nil {
		return "", err
	}
	got, err := b.validate(ctx, validated{
		name: "uv", files: files, flags: anyIndex, steps: `[{run: "true", python: "3.11", requirements: r15.txt}, {run: "true", python: "3.11", requirements: r16.txt, name: again}]`,
	})
	if err != nil {
		return "", err
	}
	step, alone := got.first[1], time.Duration(0)
	for _, minor := range []int{15, 16} { // the first fills the cache
		folder := filepath.Join(b.work, fmt.Sprint("uv-", minor))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return "", err
		}
		began := time.Now()
		for _, args := range [][]string{
			{"pip", "compile", "--quiet", "--generate-hashes", "--output-file", folder + "/lock.txt", filepath.Join(b.work, "files-uv", fmt.Sprintf("r%d.txt", minor))},
			{"venv", "--quiet", "--python", "3.11", folder + "/env"},
			{"pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode", "--python", folder + "/env/bin/python", folder + "/lock.txt"},
		} {
			command := exec.CommandContext(ctx, filepath.Join(b.bin, "uv"), args...)
			command.Env = append(os.Environ(), "UV_CACHE_DIR="+filepath.Join(b.work, "uv-cache"))
			if text, err := command.CombinedOutput(); err != nil {
				return "", fmt.Errorf("uv %s: %w: %s", args[0], err, text)
			}
		}
		alone = time.Since(began)
	}
	return fmt.Sprintf("| an environment of five packages, their files cached: a step beside uv alone (%.2f s) | %.2f times | 1.2 |\n",
		alone.Seconds(), step.Seconds()/alone.Seconds()), nil
}

// masking streams a log through 100 secrets in all their forms.
func (b *bench) masking(context.Context) (string, error) {
	const size = 256 << 20
	secrets := make([]string, 100)
	for i := range secrets {
		secrets[i] = fmt.Sprintf("%s'%d%%\"$<%s", rand.Text(), i, rand.Text())
	}
	text := strings.Repeat("2026-11-25T10:00:00Z INFO app/tests/test_yolo_detect.py::test_case PASSED map50=0.83 https://example.com/a?b=c\n", 1000)
	text += secrets[0] + "\n"
	m, best := mask.New(secrets...), time.Duration(0)
	for range b.rounds {
		began, w := time.Now(), m.Writer(io.Discard)
		for written := 0; written < size; written += len(text) {
			if _, err := io.WriteString(w, text); err != nil {
				return "", err
			}
		}
		if err := w.Close(); err != nil {
			return "", err
		}
		if took := time.Since(began); best == 0 || took < best {
			best = took
		}
	}
	return fmt.Sprintf("| masking with 100 secrets, each in all its forms, one core | %.0f MB/s | 200 MB/s |\n", size/1e6/best.Seconds()), nil
}

// Command slipway-serve serves one ONNX model over HTTP: what serving images
// run, and what validation measures. It links ONNX Runtime, so it is the only
// program of ours that needs cgo.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/slipway-ml/slipway/services/serving"
)

// version is set by the linker.
var version = "dev"

// flags are the command line.
type flags struct {
	Model       string        `required:"" env:"SLIPWAY_SERVE_MODEL" help:"An MLflow model folder, or an ONNX file."`
	Name        string        `env:"SLIPWAY_SERVE_NAME" help:"The model's name in paths and metrics (by default that of the folder or file)."`
	Version     string        `env:"SLIPWAY_SERVE_VERSION" help:"The model's version."`
	Host        string        `default:"127.0.0.1" env:"SLIPWAY_SERVE_HOST" help:"Address to listen on."`
	Port        int           `default:"8080" env:"SLIPWAY_SERVE_PORT" help:"Port to listen on; 0 takes any."`
	ListenFD    int           `name:"listen-fd" help:"Descriptor of a socket that listens, instead of host and port: who starts it can dial it, though it reaches no network."`
	AddressFile string        `help:"File to write host:port to once requests are answered."`
	Threads     int           `default:"1" env:"SLIPWAY_SERVE_THREADS" help:"Threads that one run of the model uses."`
	ORT         string        `name:"ort" help:"ONNX Runtime's shared library (by default libonnxruntime.so beside this program, else $SLIPWAY_ORT)."`
	MaxBody     int64         `default:"67108864" env:"SLIPWAY_SERVE_MAX_BODY" help:"Largest request in bytes."`
	Timeout     time.Duration `default:"30s" env:"SLIPWAY_SERVE_TIMEOUT" help:"Longest time a request may take."`
}

// Validate implements kong's check of a command line.
func (f flags) Validate() error {
	switch {
	case f.Threads < 1:
		return fmt.Errorf("--threads is %d: 1 or more", f.Threads)
	case f.ListenFD < 0:
		return fmt.Errorf("--listen-fd is %d: 3 or more", f.ListenFD)
	case f.MaxBody < 1:
		return fmt.Errorf("--max-body is %d: 1 or more", f.MaxBody)
	case f.Timeout <= 0:
		return fmt.Errorf("--timeout is %v: more than nothing", f.Timeout)
	}
	return nil
}

// The exit codes. A supervisor tells by them whose fault it is.
const (
	exitFailed      = 1
	exitModelBroken = 3
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "--probe" {
		os.Exit(probe(os.Args[2]))
	}
	var f flags
	kong.Parse(&f, kong.Description("Serves one ONNX model over HTTP."))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, f, os.Stderr); err != nil {
		os.Exit(report(os.Stderr, err))
	}
}

// report writes an error as one line of JSON and gives the exit code for it.
func report(w io.Writer, err error) int {
	code, exit := "SERVE_FAILED", exitFailed
	if broken := (*brokenModelError)(nil); errors.As(err, &broken) {
		code, exit = "MODEL_LOAD_FAILED", exitModelBroken
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"error_code": code, "message": err.Error()})
	return exit
}

// run loads the model and serves it until the context ends.
func run(ctx context.Context, f flags, stderr io.Writer) error {
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	library, err := findRuntime(f.ORT)
	if err != nil {
		return err
	}
	session, err := openSession(f.Model, library, f.Threads)
	if err != nil {
		return err
	}
	defer session.Close()
	if f.Name == "" {
		f.Name = strings.TrimSuffix(filepath.Base(f.Model), ".onnx")
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	server := serving.New(serving.Config{
		Name: f.Name, Version: f.Version, Program: version, Runtime: session.runtime,
		Info: session.info, Columns: session.columns, Runner: session,
		Slots: max(1, runtime.GOMAXPROCS(0)/f.Threads), MaxBody: f.MaxBody, Timeout: f.Timeout,
		Registry: registry, Log: log, Now: time.Now,
	})
	listener, err := f.listen(ctx)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := writeAddress(f.AddressFile, listener.Addr().String()); err != nil {
		return err
	}
	log.InfoContext(ctx, "serving", "model", f.Name, "version", f.Version, "address", listener.Addr().String(), "runtime", session.runtime)
	return serve(ctx, listener, server, f.Timeout, log)
}

func (f flags) listen(ctx context.Context) (net.Listener, error) {
	if f.ListenFD == 0 {
		return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(f.Host, fmt.Sprint(f.Port)))
	}
	socket := os.NewFile(uintptr(f.ListenFD), "listener")
	defer socket.Close()
	return net.FileListener(socket) // a copy
}

// serve answers requests until the context ends, then the ones in flight.
func serve(ctx context.Context, listener net.Listener, server *serving.Server, timeout time.Duration, log *slog.Logger) error {
	srv := &http.Server{
		Handler: server.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		WriteTimeout: timeout + 30*time.Second, // the last of it for a slow reader
		ErrorLog:     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	server.Drain()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout+time.Second)
	defer cancel()
	log.InfoContext(drain, "draining")
	if err := srv.Shutdown(drain); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return nil
}

// writeAddress writes the file whole or not at all.
func writeAddress(path, address string) error {
	if path == "" {
		return nil
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, []byte(address), 0o600); err != nil {
		return fmt.Errorf("address file: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("address file: %w", err)
	}
	return nil
}

// findRuntime finds ONNX Runtime's shared library.
func findRuntime(named string) (string, error) {
	candidates := []string{named}
	if named == "" {
		candidates = []string{os.Getenv("SLIPWAY_ORT")}
		if self, err := os.Executable(); err == nil {
			candidates = []string{filepath.Join(filepath.Dir(self), "libonnxruntime.so"), candidates[0]}
		}
	}
	for _, path := range candidates {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err == nil { //nolint:gosec // the operator names it
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("no ONNX Runtime at %q: name libonnxruntime.so by --ort or SLIPWAY_ORT", strings.Join(candidates, ", "))
}

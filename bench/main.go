// Command bench measures Slipway beside what a user would otherwise use, on one
// machine in one sitting: MLflow API calls a second beside "mlflow server", and
// slipway-serve's requests a second beside a bare ONNX Runtime loop, which is
// the limit. Clients and servers share the machine, so read the ratios.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"text/tabwriter"
	"time"
)

type bench struct {
	python  string // interpreter with mlflow and onnxruntime
	bin     string // slipway, slipway-serve, libonnxruntime.so
	model   string // ONNX file that is served
	work    string // scratch folder, removed at the end
	clients int
	span    time.Duration // of one case
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	cache := os.Getenv("SLIPWAY_CACHE")
	if cache == "" {
		cache = ".cache"
	}
	b := bench{}
	flag.StringVar(&b.python, "python", filepath.Join(cache, "python", "bin", "python"), "interpreter with mlflow and onnxruntime")
	flag.StringVar(&b.bin, "bin", "bin", "folder of the built programs")
	flag.StringVar(&b.model, "model", "tests/data/shapes/v1.onnx", "ONNX file to serve")
	flag.IntVar(&b.clients, "clients", 8, "clients at once")
	flag.DurationVar(&b.span, "span", 4*time.Second, "length of one case")
	only := flag.String("only", "", "api or serve; both by default")
	flag.Parse()

	var err error
	if b.work, err = os.MkdirTemp("", "slipway-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)

	if *only != "serve" {
		if err := b.api(ctx); err != nil {
			return err
		}
	}
	if *only != "api" {
		return b.serve(ctx)
	}
	return nil
}

// row is one case: ours beside the other's.
type row struct {
	name         string
	ours, theirs result
}

func table(title, ours, theirs string, rows []row) {
	fmt.Printf("\n%s\n", title)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "case\t%s /s\tp99 ms\t%s /s\tp99 ms\tratio\n", ours, theirs)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.0f\t%.1f\t%.2fx\n", r.name,
			r.ours.perSecond, milliseconds(r.ours.p99), r.theirs.perSecond, milliseconds(r.theirs.p99),
			r.ours.perSecond/r.theirs.perSecond)
	}
	w.Flush()
	for _, r := range rows {
		if r.ours.failed+r.theirs.failed > 0 {
			fmt.Printf("%s: %d calls of %s failed, %d of %s\n", r.name, r.ours.failed, ours, r.theirs.failed, theirs)
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Command bench measures Slipway beside what a user would otherwise use, on one
// machine in one sitting: MLflow's API beside "mlflow server" and FastTrackML,
// on SQLite and on Postgres, artifacts beside a plain file server, and
// slipway-serve beside a bare ONNX Runtime loop, which is the limit, and the
// check unsafe-code beside reading the files and picklescan, the check detection
// beside ultralytics and pycocotools, and run: steps beside pytest and uv alone.
// Clients, servers and database share the machine, so read the ratios, and the
// processor time beside them. It writes a page in Markdown and ends what it started.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

type bench struct {
	cache     string
	python    string // interpreter with onnxruntime
	bin       string // slipway, slipway-serve, libonnxruntime.so
	model     string // ONNX file that is served
	work      string // scratch folder, removed at the end
	out       string
	peers     []string
	databases []string
	cases     []string // none is all
	clients   int
	rounds    int
	span      time.Duration // of one round
	began     time.Time
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := bench{cache: os.Getenv("SLIPWAY_CACHE"), began: time.Now()}
	if b.cache == "" {
		b.cache = ".cache"
	}
	var err error
	if b.cache, err = filepath.Abs(b.cache); err != nil {
		return err
	}
	flag.StringVar(&b.python, "python", filepath.Join(b.cache, "python", "bin", "python"), "interpreter with onnxruntime")
	flag.StringVar(&b.bin, "bin", "bin", "folder of the built programs")
	flag.StringVar(&b.model, "model", "tests/data/shapes/v1.onnx", "ONNX file to serve")
	flag.StringVar(&b.out, "out", "bench/results/performance.md", "page to write")
	flag.IntVar(&b.clients, "clients", 8, "clients at once")
	flag.IntVar(&b.rounds, "rounds", 2, "rounds of a case; the peers take turns in each")
	flag.DurationVar(&b.span, "span", 1500*time.Millisecond, "length of one round")
	peers := flag.String("peers", "slipway,mlflow,fasttrackml,files", "servers to measure; ultralytics too, which takes 6 GB")
	databases := flag.String("databases", "sqlite,postgres,s3,serve,scan,detection,steps", "databases to measure on; s3 is artifacts on SeaweedFS, serve is slipway-serve, scan the check unsafe-code, detection that check and average precision, steps the run: steps")
	cases := flag.String("cases", "", "cases to measure; all by default. \"list\" lists them")
	files := flag.String("files", "", "serve a folder on -port; the bench starts itself so")
	port := flag.String("port", "", "")
	average := flag.String("average", "", "score the boxes of a folder; the bench starts itself so")
	flag.Parse()
	if *average != "" {
		return averagePrecision(*average)
	}
	if *files != "" {
		return serveFiles(*files, *port)
	}
	if *cases == "list" {
		for _, c := range allCases() {
			fmt.Printf("%-16s%s\n", c.name, c.title)
		}
		return nil
	}
	b.peers, b.databases = strings.Split(*peers, ","), strings.Split(*databases, ",")
	if *cases != "" {
		b.cases = strings.Split(*cases, ",")
	}
	if b.work, err = os.MkdirTemp("", "slipway-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	return b.all(ctx)
}

func (b *bench) all(ctx context.Context) error {
	page := b.head()
	for _, kind := range []string{"sqlite", "postgres"} {
		if !slices.Contains(b.databases, kind) {
			continue
		}
		r, err := b.api(ctx, kind)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil { // what else was measured is kept
			b.tell("%s: %v", kind, err)
			page += fmt.Sprintf("\nOn %s nothing was measured: %.300v\n", kind, err)
			continue
		}
		page += r.page()
	}
	for _, part := range []struct {
		name    string
		measure func(context.Context) (string, error)
	}{{"s3", b.s3}, {"serve", b.serve}, {"scan", b.scan}, {"detection", b.detection}, {"steps", b.steps}} {
		if !slices.Contains(b.databases, part.name) || len(b.cases) > 0 {
			continue
		}
		text, err := part.measure(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			b.tell("%s: %v", part.name, err)
			text = fmt.Sprintf("\nOf %s nothing was measured: %.300v\n", part.name, err)
		}
		page += text
	}
	page += fmt.Sprintf("\nThe whole run took %s.\n", time.Since(b.began).Round(time.Second))
	fmt.Print(page)
	if err := os.MkdirAll(filepath.Dir(b.out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(b.out, []byte(page), 0o644)
}

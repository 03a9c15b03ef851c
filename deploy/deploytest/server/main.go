// Command server stands in an image where slipway-serve does, for tests of
// what a target does around it. It takes the flags that a target sets, fails
// on a model that says so, and has a slow answer to drain.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	model := flag.String("model", "", "")
	host := flag.String("host", "127.0.0.1", "")
	port := flag.Int("port", 8080, "")
	addressFile := flag.String("address-file", "", "")
	threads := flag.Int("threads", 0, "")
	probe := flag.String("probe", "", "")
	flag.Parse()
	if *probe != "" {
		if res, err := http.Get(*probe); err != nil || res.StatusCode != http.StatusOK { //nolint:bodyclose // it ends
			os.Exit(1)
		}
		return
	}
	if said, err := os.ReadFile(filepath.Join(*model, "broken")); err == nil {
		fmt.Fprintf(os.Stderr, `{"error_code":"MODEL_LOAD_FAILED","message":%q}`+"\n", strings.TrimSpace(string(said)))
		os.Exit(3)
	}
	if err := serve(*host, *port, *addressFile, *threads); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(host string, port int, addressFile string, threads int) error {
	listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, port))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(os.Stderr, "a slow request has come")
		time.Sleep(500 * time.Millisecond)
		fmt.Fprintln(w, "done")
	})
	mux.HandleFunc("GET /env", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, strings.Join(append(os.Environ(), fmt.Sprint("threads=", threads)), "\n"))
	})
	mux.HandleFunc("GET /read", func(w http.ResponseWriter, r *http.Request) {
		if _, err := os.ReadFile(r.FormValue("path")); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
		}
	})
	mux.HandleFunc("GET /dial", func(w http.ResponseWriter, r *http.Request) {
		conn, err := net.Dial("tcp", r.FormValue("address"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		_ = conn.Close()
	})
	mux.HandleFunc("POST /crash", func(http.ResponseWriter, *http.Request) { os.Exit(7) })
	mux.HandleFunc("POST /eat", func(http.ResponseWriter, *http.Request) {
		for held := [][]byte{}; ; {
			held = append(held, []byte(strings.Repeat("x", 1<<20)))
		}
	})
	server := &http.Server{Handler: mux}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	if addressFile != "" {
		if err := os.WriteFile(addressFile+".new", []byte(listener.Addr().String()+"\n"), 0o600); err != nil {
			return err
		}
		if err := os.Rename(addressFile+".new", addressFile); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	drained := make(chan error, 1)
	go func() {
		<-ctx.Done()
		drained <- server.Shutdown(context.WithoutCancel(ctx))
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-drained
}

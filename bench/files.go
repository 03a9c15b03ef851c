package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// serveFiles is the plainest server of a folder that keeps what it was given:
// the limit of what an artifact store can reach here.
func serveFiles(folder, port string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "OK") })
	mux.HandleFunc("PUT /{path...}", func(w http.ResponseWriter, r *http.Request) {
		if err := keep(root, r.PathValue("path"), r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /{path...}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, root.FS(), r.PathValue("path"))
	})
	server := http.Server{Addr: "127.0.0.1:" + port, Handler: mux, ReadHeaderTimeout: time.Minute}
	return server.ListenAndServe()
}

// keep writes a file, syncs it and gives it its name.
func keep(root *os.Root, path string, body io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := root.Create(path + ".part")
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, body); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return root.Rename(path+".part", path)
}

package cli

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	socket := filepath.Join(t.TempDir(), "docker.sock")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	require.NoError(t, err)
	docker := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_ping" {
			w.Header().Set("Api-Version", "1.41")
		}
	})}
	go func() { _ = docker.Serve(listener) }()
	t.Cleanup(func() { _ = docker.Close() })

	for name, tc := range map[string]struct {
		runtime bool
		data    string // below a fresh folder; "file" is a file
		docker  string
		code    int
		says    []string
	}{
		"all is there": {
			true, "data", "unix://" + socket, exitOK,
			[]string{"ok       data folder", "ok       slipway-serve", "ok       ONNX Runtime", "ok       Python        a python", "ok       uv            uv 1.2.3, /", "ok       git           git version", "API 1.41", "ok       server"},
		},
		"without Docker it goes on": {
			true, "deep/below/data", "unix:///nowhere/docker.sock", exitOK,
			[]string{"absent   Docker Engine", "target: process needs none"},
		},
		"without a runtime it is no use": {
			false, "data", "unix://" + socket, exitFailed,
			[]string{"missing  slipway-serve", "make build", "this machine lacks slipway-serve, ONNX Runtime"},
		},
		"nor with a data folder that is a file": {
			true, "file", "unix://" + socket, exitFailed,
			[]string{"missing  data folder", "is not a folder", "--data-dir"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			script(t, filepath.Join(dir, "python"), "echo a python")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
			if tc.runtime {
				script(t, filepath.Join(dir, "slipway-serve"), "exit 0")
				script(t, filepath.Join(dir, "uv"), "echo uv 1.2.3")
				require.NoError(t, os.WriteFile(filepath.Join(dir, "libonnxruntime.so"), nil, 0o600))
			}
			var out bytes.Buffer
			code := Main(t.Context(), []string{
				"doctor", "--url", server.URL, "--runtime-dir", dir, "--python", filepath.Join(dir, "python"),
				"--data-dir", filepath.Join(dir, tc.data), "--docker-host", tc.docker,
			}, nil, &out, &out)
			require.Equal(t, tc.code, code, out.String())
			for _, says := range tc.says {
				require.Contains(t, out.String(), says)
			}
			_, err := os.Stat(filepath.Join(dir, "data"))
			require.ErrorIs(t, err, os.ErrNotExist, "it looks and makes nothing")
		})
	}
}

func script(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
}

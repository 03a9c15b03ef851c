package main

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/services/scan"
)

// What is scanned: checkpoints as torch.save writes them, 1 GiB in all.
const (
	checkpoints, storages, storageSize = 4, 8, 32 << 20
)

// scan measures the check unsafe-code in a validation, and the scanner alone,
// beside reading the files and beside picklescan, which opens the pickles only.
func (b *bench) scan(ctx context.Context) (string, error) {
	b.tell("unsafe code")
	folder := filepath.Join(b.work, "checkpoints")
	files, err := makeCheckpoints(folder)
	if err != nil {
		return "", err
	}
	picklescan, err := b.peerHome("picklescan", "bench/peers.txt")
	if err != nil {
		return "", err
	}
	const bytes = checkpoints * storages * storageSize
	best := map[string]time.Duration{}
	for range b.rounds {
		for name, run := range map[string]func() error{
			"reading the files": func() error { return readAll(files) },
			"the scanner":       func() error { return scanAll(ctx, files, b.work) },
			"picklescan (1.0.5)": func() error {
				return exec.CommandContext(ctx, filepath.Join(picklescan, "bin", "picklescan"), "-p", folder).Run()
			},
			"reading and SHA-256": func() error { return exec.CommandContext(ctx, "sh", "-c", "sha256sum "+folder+"/*.pt").Run() },
		} {
			began := time.Now()
			if err := run(); err != nil {
				return "", fmt.Errorf("%s: %w", name, err)
			}
			if took := time.Since(began); best[name] == 0 || took < best[name] {
				best[name] = took
			}
		}
	}
	got, err := b.validate(ctx, validated{name: "scan", files: files, steps: "[{check: unsafe-code}]"})
	if err != nil {
		return "", err
	}
	best["check: unsafe-code in a validation, files verified"] = got.took
	var page strings.Builder
	fmt.Fprintf(&page, "\n### Looking for unsafe code\n\n1 GiB of PyTorch checkpoints in %d files, in the page cache. The goal is 500 MB/s.\n\n| what | seconds | MB/s |\n|---|---|---|\n", checkpoints)
	for _, name := range []string{"check: unsafe-code in a validation, files verified", "the scanner", "reading the files", "reading and SHA-256", "picklescan (1.0.5)"} {
		fmt.Fprintf(&page, "| %s | %.2f | %.0f |\n", name, best[name].Seconds(), bytes/1e6/best[name].Seconds())
	}
	fmt.Fprintf(&page, "\nThe server's memory: %.0f MiB before the validation, %.0f MiB at its peak.\n", got.before, got.peak)
	return page.String(), nil
}

func makeCheckpoints(folder string) ([]string, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	var pickle strings.Builder
	pickle.WriteString("\x80\x02ccollections\nOrderedDict\n)R(")
	for i := range storages {
		fmt.Fprintf(&pickle, "X\x02\x00\x00\x00w%dctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00%dX\x03\x00\x00\x00cpuJ\x00\x00\x80\x00tQK\x00J\x00\x00\x80\x00\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR", i, i)
	}
	pickle.WriteString("u.")
	var files []string
	random := rand.NewChaCha8([32]byte{6})
	data := make([]byte, storageSize)
	for n := range checkpoints {
		path := filepath.Join(folder, fmt.Sprintf("checkpoint-%d.pt", n))
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		w := zip.NewWriter(f)
		add := func(name string, text []byte) error {
			part, err := w.CreateHeader(&zip.FileHeader{Name: "archive/" + name, Method: zip.Store})
			if err == nil {
				_, err = part.Write(text)
			}
			return err
		}
		if err := add("data.pkl", []byte(pickle.String())); err != nil {
			return nil, err
		}
		for i := range storages {
			_, _ = random.Read(data)
			if err := add(fmt.Sprintf("data/%d", i), data); err != nil {
				return nil, err
			}
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}

func readAll(files []string) error {
	buf := make([]byte, 1<<20)
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, buf)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func scanAll(ctx context.Context, files []string, temp string) error {
	s := scan.New(ctx, scan.Options{Temp: temp})
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil {
			err = s.File(filepath.Base(path), f, info.Size())
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	if found := s.Found(); len(found) > 0 || s.Counts.Pickles != checkpoints {
		return fmt.Errorf("%d pickles, and found %v", s.Counts.Pickles, found)
	}
	return nil
}

package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
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
	picklescan, err := b.peerHome("picklescan")
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
	took, before, peak, err := b.validateCheckpoints(ctx, files)
	if err != nil {
		return "", err
	}
	best["check: unsafe-code in a validation, files verified"] = took
	var page strings.Builder
	fmt.Fprintf(&page, "\n### Looking for unsafe code\n\n1 GiB of PyTorch checkpoints in %d files, in the page cache. The goal is 500 MB/s.\n\n| what | seconds | MB/s |\n|---|---|---|\n", checkpoints)
	for _, name := range []string{"check: unsafe-code in a validation, files verified", "the scanner", "reading the files", "reading and SHA-256", "picklescan (1.0.5)"} {
		fmt.Fprintf(&page, "| %s | %.2f | %.0f |\n", name, best[name].Seconds(), bytes/1e6/best[name].Seconds())
	}
	fmt.Fprintf(&page, "\nThe server's memory: %.0f MiB before the validation, %.0f MiB at its peak.\n", before, peak)
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

// peerHome gives the folder of a Python environment of bench/peers.txt.
func (b *bench) peerHome(name string) (string, error) {
	out, err := exec.Command("bench/peers", b.cache).Output()
	if err != nil {
		return "", fmt.Errorf("bench/peers: %w", err)
	}
	for home := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(filepath.Base(home), "peer-"+name+"-") {
			return home, nil
		}
	}
	return "", fmt.Errorf("bench/peers.txt names no %s", name)
}

// validateCheckpoints registers the files with a server and has them checked:
// how long the step took, and the server's memory in MiB before and at most.
func (b *bench) validateCheckpoints(ctx context.Context, files []string) (took time.Duration, before, most float64, err error) {
	slipway, err := filepath.Abs(filepath.Join(b.bin, "slipway"))
	if err != nil {
		return 0, 0, 0, err
	}
	home := filepath.Join(b.work, "scan")
	s, err := b.start(ctx, home, func(port string) []string {
		return []string{slipway, "server", "--port", port, "--backend-store-uri", "sqlite:///" + filepath.Join(home, "data.db"), "--artifacts-destination", filepath.Join(home, "artifacts")}
	})
	if err != nil {
		return 0, 0, 0, err
	}
	defer s.stop()
	ask := func(method, path string, body io.Reader, answer any) error {
		req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
		if err != nil {
			return err
		}
		if method == http.MethodPost {
			req.Header = asJSON
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		if r.StatusCode >= 300 {
			return fmt.Errorf("%s %s: %s %s", method, path, r.Status, text)
		}
		if answer != nil {
			return json.Unmarshal(text, answer)
		}
		return nil
	}
	post := func(path, text string, answer any) error {
		return ask("POST", path, bytes.NewReader([]byte(text)), answer)
	}
	var made struct {
		Run struct {
			Info struct {
				RunID string `json:"run_id"`
			}
		}
	}
	if err := post(mlflowAPI+"runs/create", `{"experiment_id": "0"}`, &made); err != nil {
		return 0, 0, 0, err
	}
	run := made.Run.Info.RunID
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return 0, 0, 0, err
		}
		err = ask("PUT", proxy+"0/"+run+"/artifacts/model/"+filepath.Base(path), f, nil)
		f.Close()
		if err != nil {
			return 0, 0, 0, err
		}
	}
	if err := post(mlflowAPI+"registered-models/create", `{"name": "m"}`, nil); err != nil {
		return 0, 0, 0, err
	}
	if err := ask("PUT", "/api/v1/models/m/pipeline", strings.NewReader("model: m\non: manual\nvalidation: {steps: [{check: unsafe-code}]}\n"), nil); err != nil {
		return 0, 0, 0, err
	}
	if err := post(mlflowAPI+"model-versions/create", `{"name": "m", "source": "mlflow-artifacts:/0/`+run+`/artifacts/model", "run_id": "`+run+`"}`, nil); err != nil {
		return 0, 0, 0, err
	}
	settle(s.command.Process.Pid, time.Minute)
	before = tree(s.command.Process.Pid).mib()
	stop := peak(s.command.Process.Pid)
	for range b.rounds {
		var v struct {
			ID     int64
			State  string
			Reason string
			Steps  []struct {
				StartedAt time.Time `json:"started_at"`
				EndedAt   time.Time `json:"ended_at"`
			}
		}
		if err := post("/api/v1/models/m/versions/1/validations", "{}", &v); err != nil {
			return 0, 0, 0, err
		}
		if err := ask("GET", fmt.Sprintf("/api/v1/validations/%d?wait=2m", v.ID), nil, &v); err != nil {
			return 0, 0, 0, err
		}
		if v.State != "passed" || len(v.Steps) != 1 {
			return 0, 0, 0, fmt.Errorf("the validation is %s: %s", v.State, v.Reason)
		}
		if d := v.Steps[0].EndedAt.Sub(v.Steps[0].StartedAt); took == 0 || d < took {
			took = d
		}
	}
	return took, before, stop(), nil
}

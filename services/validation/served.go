package validation

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// Served is a version that runs in slipway-serve, in a process of its own.
type Served struct {
	URL    string
	Facts  ServeFacts
	Loaded time.Duration // from its start to its first answer

	process deploy.Process
	ended   chan deploy.RunResult
	client  *http.Client
}

// ServeFacts is what slipway-serve tells of itself and its model.
type ServeFacts struct {
	Version string `json:"version"`
	Runtime string `json:"runtime"`
	Model   struct {
		IRVersion int64             `json:"ir_version"`
		Opsets    map[string]int64  `json:"opsets"`
		Metadata  map[string]string `json:"metadata"`
	} `json:"model"`
}

// BrokenError says that slipway-serve could not load the model, and why: the
// model's fault, not the machine's.
type BrokenError struct{ Message string }

// Error implements error.
func (e *BrokenError) Error() string { return "the model does not load: " + e.Message }

// exitBroken is how slipway-serve ends when the model is at fault.
const exitBroken = 3

// loadTime bounds how long a model may take to load.
const loadTime = 10 * time.Minute

// Serve runs the version in slipway-serve. A model that does not load is a
// *BrokenError. The caller stops what it gets.
func (s *Subject) Serve(ctx context.Context) (*Served, error) {
	for _, part := range []string{s.Settings.Serve, s.Settings.Runtime} {
		if _, err := os.Stat(part); err != nil {
			return nil, models.Errorf(models.KindUnavailable, "%s is missing here (make build, or --runtime-dir names its folder)", part).Because(err)
		}
	}
	folder, err := s.Folder(ctx)
	if err != nil {
		return nil, err
	}
	address := filepath.Join(s.Dir, "address")
	if err := os.RemoveAll(address); err != nil {
		return nil, err
	}
	words := &lastLines{}
	begin := time.Now() //nolint:forbidigo // a duration, not a rule
	process, err := s.Runner.Start(ctx, deploy.RunSpec{
		ID: s.ID + "-serve-" + strconv.FormatInt(s.Version.ID, 10), Server: s.Settings.Server, Dir: s.Dir,
		Command: []string{
			s.Settings.Serve, "--model", folder, "--name", s.Version.Model, "--version", strconv.FormatInt(s.Version.Number, 10),
			"--host", "127.0.0.1", "--port", "0", "--address-file", address, "--ort", s.Settings.Runtime,
			// A slow machine measures the same: only the step's own time counts.
			"--timeout", s.Step.Timeout.String(), "--max-body", strconv.Itoa(maxRequest),
		},
		Env: []string{"LANG=C.UTF-8"}, Output: io.MultiWriter(s.Log, words),
	})
	if err != nil {
		return nil, fmt.Errorf("start slipway-serve: %w", err)
	}
	served := &Served{
		process: process, ended: make(chan deploy.RunResult, 1),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.Settings.Parallel}},
	}
	go func() { served.ended <- process.Wait() }()
	if err := served.wait(ctx, address, words); err != nil {
		served.Stop()
		return nil, err
	}
	served.Loaded = time.Since(begin)
	return served, nil
}

// wait follows slipway-serve until it answers, or ends.
func (s *Served) wait(ctx context.Context, address string, words *lastLines) error {
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var result *deploy.RunResult
		select {
		case <-ctx.Done():
			return fmt.Errorf("slipway-serve has not loaded the model: %w", ctx.Err())
		case ended := <-s.ended:
			s.ended <- ended
			result = &ended
		case <-tick.C:
		}
		text, err := os.ReadFile(address)
		switch {
		case err == nil: // it has served, also if it has ended since
			s.URL = "http://" + strings.TrimSpace(string(text))
			return s.Get(ctx, "/version", &s.Facts)
		case result != nil:
			return words.blame(*result)
		}
	}
}

// Stop ends it.
func (s *Served) Stop() {
	s.process.Stop(5 * time.Second)
	s.client.CloseIdleConnections()
}

// Get reads a JSON answer.
func (s *Served) Get(ctx context.Context, path string, into any) error {
	status, body, err := s.Do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return models.Errorf(models.KindInternal, "slipway-serve answered %s with %d: %s", path, status, body)
	}
	return json.Unmarshal(body, into)
}

// The bounds of a request to slipway-serve, which streams, and of an answer,
// which is kept in memory.
const (
	maxRequest = 1 << 30
	maxAnswer  = 128 << 20
)

// Do sends a request. An error means that there was no answer: slipway-serve
// has ended, or the context has.
func (s *Served) Do(ctx context.Context, method, path string, body io.Reader, header http.Header) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		return 0, nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	res, err := s.client.Do(req)
	if err == nil {
		defer func() { _ = res.Body.Close() }()
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1)); err == nil {
			if len(text) > maxAnswer {
				return 0, nil, models.Errorf(models.KindTooLarge, "the model's answer has more than %d bytes, too many to look at", maxAnswer)
			}
			return res.StatusCode, text, nil
		}
	}
	if ctx.Err() != nil {
		return 0, nil, ctx.Err()
	}
	return 0, nil, s.death(err)
}

// death says why there was no answer.
func (s *Served) death(err error) error {
	select {
	case result := <-s.ended:
		s.ended <- result
		return models.Errorf(models.KindUnavailable, "slipway-serve died while it was asked: %s", endingWords(result)).Because(err)
	case <-time.After(time.Second):
		return models.Errorf(models.KindUnavailable, "slipway-serve did not answer").Because(err)
	}
}

func endingWords(r deploy.RunResult) string {
	if r.Ending == deploy.EndedExit {
		return fmt.Sprintf("exit code %d", r.ExitCode)
	}
	return strings.TrimSpace(string(r.Ending) + " " + r.Detail)
}

// lastLines keeps the end of what a program wrote.
type lastLines struct{ text []byte }

// Write implements io.Writer.
func (l *lastLines) Write(p []byte) (int, error) {
	const keep = 16 << 10
	l.text = append(l.text, p...)
	if len(l.text) > keep {
		l.text = bytes.Clone(l.text[len(l.text)-keep:])
	}
	return len(p), nil
}

// blame reads the line of JSON with which slipway-serve says why it ended.
func (l *lastLines) blame(result deploy.RunResult) error {
	var said struct {
		Message string `json:"message"`
	}
	lines := bufio.NewScanner(bytes.NewReader(l.text))
	for lines.Scan() {
		var line struct {
			Code    string `json:"error_code"`
			Message string `json:"message"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Code != "" {
			said.Message = line.Message
		}
	}
	if result.Ending == deploy.EndedExit && result.ExitCode == exitBroken {
		return &BrokenError{Message: said.Message}
	}
	if said.Message == "" {
		said.Message = "see the log"
	}
	return models.Errorf(models.KindUnavailable, "slipway-serve ended before it served (%s): %s", endingWords(result), said.Message)
}

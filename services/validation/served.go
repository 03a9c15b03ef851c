package validation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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
	words   *lastLines
	answer  time.Duration // that one answer may take
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

// BrokenError says what the model did to slipway-serve: it does not load, or
// took it down. The fault is the model's, not the machine's.
type BrokenError struct{ Message, Remedy string }

// Error implements error.
func (e *BrokenError) Error() string { return e.Message }

// The exit codes of slipway-serve that are the model's doing: its own word for
// it, and that of Go's runtime for a crash, of a library too.
const (
	exitBroken  = 3
	exitCrashed = 2
)

// maxConnections is how many connections to slipway-serve are kept for the next
// request.
const maxConnections = 256

// loadTime bounds how long a model may take to load.
const loadTime = 10 * time.Minute

// ServeOptions say how a version is served; the zero value as validation does.
type ServeOptions struct {
	Threads int // of one inference; 0: one
}

// Serve runs the version in slipway-serve. A model that does not load is a
// *BrokenError. The caller stops what it gets.
func (s *Subject) Serve(ctx context.Context) (*Served, error) {
	return s.ServeWith(ctx, ServeOptions{})
}

// ServeWith is Serve with options.
func (s *Subject) ServeWith(ctx context.Context, o ServeOptions) (*Served, error) {
	for _, part := range []string{s.Settings.Serve, s.Settings.Runtime} {
		if _, err := os.Stat(part); err != nil {
			return nil, models.Errorf(models.KindUnsupported, "%s is missing here (make build, or --runtime-dir names its folder)", part).Because(err)
		}
	}
	folder, err := s.Folder(ctx)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.Dir, "serve")
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o750)); err != nil {
		return nil, err
	}
	address := filepath.Join(dir, "address")
	socket, err := listening(ctx)
	if err != nil {
		return nil, err
	}
	defer socket.Close() // when slipway-serve has it: once that ends, nobody is to be dialled
	words, answer := &lastLines{}, s.answerTime()
	begin := time.Now() //nolint:forbidigo // a duration, not a rule
	process, err := s.Runner.Start(ctx, deploy.RunSpec{
		ID: s.ID + "-serve-" + strconv.FormatInt(s.Version.ID, 10), Server: s.Settings.Server, Dir: dir,
		Command: []string{
			s.Settings.Serve, "--model", folder, "--name", s.Version.Model, "--version", strconv.FormatInt(s.Version.Number, 10),
			"--listen-fd", "3", "--address-file", address, "--ort", s.Settings.Runtime,
			"--timeout", answer.String(), "--max-body", strconv.Itoa(maxRequest), "--threads", strconv.Itoa(max(1, o.Threads)),
		},
		Read: []string{folder, s.Settings.Runtime}, Listener: socket,
		Env: []string{"LANG=C.UTF-8"}, Output: io.MultiWriter(s.Log, words), MemoryBytes: s.Settings.serveMemory(),
	})
	if err != nil {
		return nil, fmt.Errorf("start slipway-serve: %w", err)
	}
	served := &Served{
		process: process, ended: make(chan deploy.RunResult, 1), words: words, answer: answer,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: maxConnections}},
	}
	go func() { served.ended <- process.Wait() }()
	if err := served.wait(ctx, address); err != nil {
		served.Stop()
		return nil, err
	}
	served.Loaded = time.Since(begin)
	return served, nil
}

// listening opens the socket by which slipway-serve is dialled: it has itself
// no network, whatever a model makes it do.
func listening(ctx context.Context) (*os.File, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.(*net.TCPListener).File()
}

// wait follows slipway-serve until it answers, or ends.
func (s *Served) wait(ctx context.Context, address string) error {
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
			return s.words.blame(*result)
		}
	}
}

// grace is how long it may take to end by itself: nobody waits for its
// answers any more.
const grace = time.Second

// Stop ends it and tells how it went; again, the same.
func (s *Served) Stop() deploy.RunResult {
	result := s.process.Stop(grace)
	s.client.CloseIdleConnections()
	return result
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
	limited, cancel := context.WithTimeout(ctx, s.answer+stopTime)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, method, s.URL+path, body)
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
	if limited.Err() != nil {
		return 0, nil, &BrokenError{Message: fmt.Sprintf("the model gave no answer within %s, and could not be stopped", s.answer), Remedy: slowRemedy}
	}
	return 0, nil, s.death(err)
}

// death says why there was no answer.
func (s *Served) death(err error) error {
	select {
	case result := <-s.ended:
		s.ended <- result
		if broken := s.words.doing(result, "while it was asked"); broken != nil {
			return broken
		}
		return models.Errorf(models.KindInvalid, "slipway-serve died while it was asked: %s", endingWords(result)).Because(err)
	case <-time.After(time.Second):
		return models.Errorf(models.KindInvalid, "slipway-serve did not answer").Because(err)
	}
}

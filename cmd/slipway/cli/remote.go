package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Remote says which server a client command talks to, and as whom.
type Remote struct {
	URL      string `default:"http://127.0.0.1:5000" env:"SLIPWAY_URL,MLFLOW_TRACKING_URI" help:"Address of the server." group:"Server"`
	Token    string `env:"SLIPWAY_TOKEN,MLFLOW_TRACKING_TOKEN" help:"Token to sign in with." group:"Server"`
	Username string `env:"MLFLOW_TRACKING_USERNAME" help:"Name to sign in with, where there is no token." group:"Server"`
	Password string `env:"MLFLOW_TRACKING_PASSWORD" help:"Password of that name." group:"Server"`

	Timeout time.Duration `default:"60s" env:"SLIPWAY_TIMEOUT" help:"How long an answer may take, transfers and what is followed apart; 0s waits for ever." group:"Server"`
}

// api makes the client of the server.
func (r *Remote) api() (*client.Client, error) {
	u, err := url.Parse(r.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("--url %q is not the address of a server: set SLIPWAY_URL to one such as http://127.0.0.1:5000", r.URL)
	}
	return client.NewClient(strings.TrimSuffix(r.URL, "/"), client.WithRequestEditorFn(r.signIn), client.WithHTTPClient(patient{r.Timeout}))
}

// patient is an HTTP client that gives a plain request so long and no longer.
type patient struct{ timeout time.Duration }

// Do implements client.HttpRequestDoer.
func (p patient) Do(req *http.Request) (*http.Response, error) {
	if p.timeout <= 0 || long(req) {
		return http.DefaultClient.Do(req) //nolint:gosec // the server that the user names
	}
	ctx, cancel := context.WithTimeoutCause(req.Context(), p.timeout, fmt.Errorf("no answer within %s (--timeout)", p.timeout))
	resp, err := http.DefaultClient.Do(req.WithContext(ctx)) //nolint:gosec // the server that the user names
	if err != nil {
		defer cancel()
		if late := context.Cause(ctx); late != nil && req.Context().Err() == nil {
			err = &url.Error{Op: req.Method, URL: req.URL.String(), Err: late}
		}
		return nil, err
	}
	resp.Body = bounded{resp.Body, cancel}
	return resp, nil
}

// long tells whether a request may take its time: it transfers files, or
// follows long work.
func long(req *http.Request) bool {
	path := req.URL.Path
	return req.URL.Query().Has("wait") || strings.HasSuffix(path, "/events") || strings.HasSuffix(path, "/log") ||
		strings.HasSuffix(path, "/commit") || strings.Contains(path, "/blobs/") || req.ContentLength > 1<<20 ||
		req.Header.Get("Content-Type") == "application/octet-stream"
}

// bounded ends a request's time with its body.
type bounded struct {
	io.ReadCloser
	done context.CancelFunc
}

// Close implements io.Closer.
func (b bounded) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

func (r *Remote) signIn(_ context.Context, req *http.Request) error {
	switch {
	case r.Token != "":
		req.Header.Set("Authorization", "Bearer "+r.Token)
	case r.Username != "":
		req.SetBasicAuth(r.Username, r.Password)
	}
	return nil
}

// RemoteError is a refusal by the server.
type RemoteError struct {
	Status int
	Body   client.Error
}

func (e *RemoteError) Error() string { return e.Body.Message }

// refusedAs tells whether err is the server's refusal with this code.
func refusedAs(err error, code string) bool {
	var refused *RemoteError
	return errors.As(err, &refused) && refused.Body.ErrorCode == code
}

// answer reads the answer of one request: answer[client.Promotion](c.GetPromotion(…)).
func answer[T any](resp *http.Response, err error) (T, error) {
	var value T
	body, err := read(resp, err)
	if err != nil || len(body) == 0 {
		return value, err
	}
	if err := json.Unmarshal(body, &value); err != nil {
		return value, fmt.Errorf("the server's answer is not Slipway's: %w", err)
	}
	return value, nil
}

// read gives the body of a good answer, and the error that another one means.
func read(resp *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, unreachable(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("the server's answer broke off: %w", err)
	}
	if resp.StatusCode < http.StatusMultipleChoices {
		return body, nil
	}
	refused := &RemoteError{Status: resp.StatusCode}
	if json.Unmarshal(body, &refused.Body) != nil || refused.Body.Message == "" {
		refused.Body.Message = fmt.Sprintf("%s %s answered %s: is this a Slipway server?", resp.Request.Method, resp.Request.URL, resp.Status)
	}
	return nil, refused
}

func unreachable(err error) error {
	var dial *url.Error
	if errors.As(err, &dial) && !errors.Is(err, context.Canceled) {
		u, _ := url.Parse(dial.URL)
		return fmt.Errorf("no server answers at %s://%s (%w): start one by slipway server, or set SLIPWAY_URL", u.Scheme, u.Host, dial.Err)
	}
	return err
}

// once makes a key for one POST, so that a repeat does it once.
func once() *string { return new(uuid.NewString()) }

// set is a parameter that is sent where it says something.
func set[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

// mlflow calls a route of MLflow's own API.
func mlflow[T any](ctx context.Context, r *Remote, method, path string, query url.Values, body any) (T, error) {
	return call[T](ctx, r, method, "/api/2.0/mlflow/"+path, query, body)
}

// call calls a route by its path.
func call[T any](ctx context.Context, r *Remote, method, path string, query url.Values, body any) (T, error) {
	var (
		none   T
		reader io.Reader
	)
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return none, err
		}
		reader = bytes.NewReader(text)
	}
	target := strings.TrimSuffix(r.URL, "/") + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return none, err
	}
	req.Header.Set("Content-Type", "application/json")
	_ = r.signIn(ctx, req)
	return answer[T](patient{r.Timeout}.Do(req))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

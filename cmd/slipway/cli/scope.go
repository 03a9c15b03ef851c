package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
)

// Scope says which variables and secrets are meant.
type Scope struct {
	Remote
	Model string `help:"Of this registered model (default: those that apply everywhere)."`
	Env   string `help:"Of this environment of the model."`
}

// path is where the variables or secrets of the scope are, or one of them.
func (s *Scope) path(noun, name string) (string, error) {
	path := "/api/v1/"
	switch {
	case s.Env != "" && s.Model == "":
		return "", errors.New("--env: name its model by --model")
	case s.Model != "":
		path += "models/" + url.PathEscape(s.Model) + "/"
		if s.Env != "" {
			path += "environments/" + url.PathEscape(s.Env) + "/"
		}
	}
	path += noun
	if name != "" {
		path += "/" + url.PathEscape(name)
	}
	return path, nil
}

// put sets one.
func put[T any](ctx context.Context, s *Scope, noun, name, value string) (T, error) {
	path, err := s.path(noun, name)
	if err == nil && !utf8.ValidString(value) {
		err = fmt.Errorf("the value of %s is not text (UTF-8): set it as base64", name)
	}
	if err != nil {
		var none T
		return none, err
	}
	return call[T](ctx, &s.Remote, http.MethodPut, path, nil, map[string]string{"value": value})
}

// remove deletes one.
func (s *Scope) remove(ctx context.Context, out *Streams, noun, name string) error {
	path, err := s.path(noun, name)
	if err != nil {
		return err
	}
	if _, err := call[struct{}](ctx, &s.Remote, http.MethodDelete, path, nil, nil); err != nil {
		return err
	}
	out.printf("%s is deleted", name)
	return nil
}

// page is one of a list.
type page[T any] struct {
	Items         []T    `json:"items"`
	NextPageToken string `json:"next_page_token"`
}

// all lists a scope, page by page.
func all[T any](ctx context.Context, s *Scope, noun string) (items []T, err error) {
	path, err := s.path(noun, "")
	if err != nil {
		return nil, err
	}
	query := url.Values{"max_results": {"1000"}}
	for {
		p, err := call[page[T]](ctx, &s.Remote, http.MethodGet, path, query, nil)
		if err != nil {
			return nil, err
		}
		if items = append(items, p.Items...); p.NextPageToken == "" {
			return items, nil
		}
		query.Set("page_token", p.NextPageToken)
	}
}

// readValue reads a value from standard input, without the end of its last line.
func readValue(in io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(in, models.MaxValue+3))
	if err != nil {
		return "", fmt.Errorf("read the value from standard input: %w", err)
	}
	value, ended := strings.CutSuffix(string(text), "\n")
	if ended {
		value = strings.TrimSuffix(value, "\r")
	}
	return value, nil
}

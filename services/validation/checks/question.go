package checks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// question is one request to a model.
type question struct {
	what   string // in words
	sure   bool   // it is of the declared form for certain: a model that fails on it is at fault
	path   string
	header http.Header
	body   []byte
}

// refusedError is an answer that is none: the request is at fault, or the model.
type refusedError struct {
	fault   bool // the model's
	message string
}

// Error implements error.
func (e *refusedError) Error() string { return e.message }

// questions gives what to ask a model, the best first: its own input example,
// then uniform noise. Never zeros: no picture is black all over, and a model
// may rely on it. rows is the batch; 0 leaves it to the example, else is one.
func questions(ctx context.Context, s *validation.Subject, served *validation.Served, rows int) ([]question, error) {
	var all []question
	shapes := map[string][]int64{}
	if example, err := readExample(ctx, s); err == nil {
		if q, err := example.question(rows); err == nil {
			all = append(all, q)
		}
		shapes = example.shapes()
	} else if !models.IsKind(err, models.KindNotFound) && !models.IsKind(err, models.KindInvalid) {
		return nil, err
	}
	inputs, err := modelInputs(ctx, s, served)
	if err != nil {
		return nil, err
	}
	for _, noise := range noises(inputs, shapes, served.Facts.Model.Metadata, max(rows, 1)) {
		all = append(all, noise.question(s.Version.Model))
	}
	return all, nil
}

// modelPath is where the Open Inference Protocol has a model.
func modelPath(model string) string { return "/v2/models/" + url.PathEscape(model) }

// input is one input or output as the model declares it.
type input struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

func modelInputs(ctx context.Context, s *validation.Subject, served *validation.Served) ([]input, error) {
	var said struct {
		Inputs []input `json:"inputs"`
	}
	err := served.Get(ctx, modelPath(s.Version.Model), &said)
	return said.Inputs, err
}

// ask sends the question. An answer that is none is a *refusedError.
func (q question) ask(ctx context.Context, served *validation.Served) (tensors, error) {
	status, body, err := served.Do(ctx, http.MethodPost, q.path, bytes.NewReader(q.body), q.header)
	if err != nil {
		return tensors{}, err
	}
	if status != http.StatusOK {
		return tensors{}, refusal(status, body)
	}
	return readTensors(body)
}

func refusal(status int, body []byte) *refusedError {
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &said) != nil || said.Message == "" {
		said.Message = fmt.Sprintf("status %d", status)
	}
	return &refusedError{fault: status >= http.StatusInternalServerError, message: said.Message}
}

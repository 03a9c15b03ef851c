package report

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/slipway-ml/slipway/models"
)

// Source gives what reports are made of.
type Source interface {
	Get(ctx context.Context, id int64) (models.Validation, error)
	Repeat(ctx context.Context, v models.Validation) (*models.Repeat, error)
	Attachment(ctx context.Context, step models.StepResult, name string) (models.Attachment, io.ReadCloser, error)
	Log(ctx context.Context, step models.StepResult, offset int64) (io.ReadCloser, error)
	// Now is the clock by which waivers run out.
	Now(ctx context.Context) (time.Time, error)
}

// Service makes reports.
type Service struct {
	Source  Source
	Version string // of Slipway
}

// figuresName is the attachment that holds what a step has drawn.
const figuresName = "figures.json"

// The bounds of what is read into memory for one report.
const (
	maxFigures = 16 << 20
	maxPicture = 400 << 10 // of one picture
	maxInlined = 6 << 20   // of all of them
)

// figures reads what a step has drawn; nothing where it drew nothing.
func (s Service) figures(ctx context.Context, step models.StepResult) (f models.Figures, err error) {
	text, _, err := s.attachment(ctx, step, figuresName, maxFigures)
	if err != nil || text == nil {
		return f, err
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return f, fmt.Errorf("read the figures of step %q: %w", step.Name, err)
	}
	return f, nil
}

// attachment reads a file of at most so many bytes that a step kept; nil where
// there is none, or a larger one.
func (s Service) attachment(ctx context.Context, step models.StepResult, name string, most int64) ([]byte, models.Attachment, error) {
	for _, a := range step.Attachments {
		if a.Name != name || a.Size > most {
			continue
		}
		a, body, err := s.Source.Attachment(ctx, step, name)
		if err != nil {
			return nil, a, err
		}
		defer func() { _ = body.Close() }()
		text, err := io.ReadAll(io.LimitReader(body, most))
		if err != nil {
			return nil, a, fmt.Errorf("read the attachment %s of step %q: %w", name, step.Name, err)
		}
		return text, a, nil
	}
	return nil, models.Attachment{}, nil
}

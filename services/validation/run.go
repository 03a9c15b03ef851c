package validation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// plan is what a validation works on.
type plan struct {
	version  models.Version
	revision models.PipelineRevision
	graph    graph
}

func (s *Service) plan(ctx context.Context, v models.Validation) (p plan, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		if p.version, err = tx.Versions().Get(v.VersionID); err != nil {
			return err
		}
		p.revision, err = tx.Pipelines().Revision(v.RevisionID)
		return err
	})
	p.graph = s.graph(p.revision.Pipeline.Validation.Steps)
	return p, err
}

// run does the steps that have no verdict yet. An error means that it is to be
// tried again, or that the server stops.
func (s *Service) run(ctx context.Context, v models.Validation, p plan) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if v.Cancelling {
		return s.finish(ctx, v, models.ValidationCancelled, begunOrNot(v))
	}
	if err := s.DB.InTx(ctx, func(tx storage.Tx) error {
		return errors.Join(tx.Validations().SetState(v.ID, models.ValidationRunning, ""), tx.Validations().SetMachine(v.ID, s.where()))
	}); err != nil {
		return err
	}
	go s.follow(ctx, v.ID, cancel)
	began := v.Steps
	var err error
	if v.Steps, err = s.steps(ctx, v, p); errors.Is(context.Cause(ctx), errCancelled) {
		return s.finish(ctx, v, models.ValidationCancelled, "cancelled during "+stopped(began, v.Steps))
	}
	if err != nil {
		return err
	}
	state, why := outcome(v.Steps)
	return s.finish(ctx, v, state, why)
}

// begunOrNot says when a validation was cancelled that no worker works on.
func begunOrNot(v models.Validation) string {
	if v.StartedAt == nil {
		return "cancelled before it began"
	}
	return "cancelled while the server was away"
}

// abandon cleans up after steps that had begun in an earlier life of the server
// and are not done again: their folders go, their logs are kept where that can
// be done.
func (s *Service) abandon(ctx context.Context, v models.Validation) []models.StepResult {
	steps := slices.Clone(v.Steps)
	for i, step := range steps {
		if step.Verdict != "" || step.StartedAt == nil {
			continue
		}
		_ = os.RemoveAll(s.stepDir(v.ID, i))
		path := s.logPath(v.ID, i)
		text, err := os.ReadFile(path)
		if err == nil || errors.Is(err, os.ErrNotExist) { // it is on another machine
			_, err = s.Blobs.Put(ctx, step.LogKey, bytes.NewReader(text), int64(len(text)))
		}
		if err != nil {
			steps[i].LogKey = "" // it stays here
			continue
		}
		_ = os.Remove(path)
	}
	return steps
}

// stopped names the steps that a cancel stopped.
func stopped(before, after []models.StepResult) string {
	var names []string
	for i, step := range after {
		if before[i].Verdict == "" && step.Verdict == models.VerdictSkipped && step.Reason == errCancelled.Error() {
			names = append(names, fmt.Sprintf("%q", step.Name))
		}
	}
	switch len(names) {
	case 0:
		return "no step"
	case 1:
		return "step " + names[0]
	}
	return "steps " + strings.Join(names, ", ")
}

// finish ends a validation, also when ctx has ended.
func (s *Service) finish(ctx context.Context, v models.Validation, state models.ValidationState, why string) error {
	v.Steps = s.abandon(context.WithoutCancel(ctx), v)
	return s.DB.InTx(context.WithoutCancel(ctx), func(tx storage.Tx) error { return s.end(tx, v, state, why) })
}

package validation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
)

// Registered starts the validation of each new version whose pipeline says so.
type Registered struct{ Service *Service }

// Kind implements job.Worker.
func (Registered) Kind() string { return models.JobVersionRegistered }

// Timeout implements job.Worker.
func (Registered) Timeout() time.Duration { return time.Minute }

// Work implements job.Worker. Done twice, it validates once.
func (w Registered) Work(ctx context.Context, j job.Job) error {
	var a args
	if err := j.Decode(&a); err != nil {
		return err
	}
	return w.Service.DB.InTx(ctx, func(tx storage.Tx) error {
		version, err := tx.Versions().Get(a.VersionID)
		if err != nil || version.IsPrompt() {
			return unlessGone(err)
		}
		rev, err := tx.Pipelines().Current(version.ModelID)
		if err != nil || rev.Pipeline.On != models.TriggerRegistered || len(rev.Pipeline.Validation.Steps) == 0 {
			return unlessGone(err)
		}
		earlier, err := tx.Validations().List(version.ID, 0, 100)
		if err != nil || slices.ContainsFunc(earlier, func(v models.Validation) bool { return v.Trigger == models.TriggerRegistered }) {
			return err
		}
		_, err = enqueue(tx, version, rev, models.TriggerRegistered, Ask{})
		return err
	})
}

// unlessGone makes nothing of an error that says there is no such thing (any
// more): then there is nothing to do.
func unlessGone(err error) error {
	if models.IsKind(err, models.KindNotFound) {
		return nil
	}
	return err
}

// Validate does a validation.
type Validate struct{ Service *Service }

// Kind implements job.Worker.
func (Validate) Kind() string { return models.JobValidate }

// Timeout implements job.Worker: each step has its own.
func (Validate) Timeout() time.Duration { return 24 * time.Hour }

// The waits after a run that failed: a store or a database is away.
const (
	firstWait = 2 * time.Second
	mostWait  = 10 * time.Minute
)

// Wait implements job.Patient: soon at first, then longer each time.
func (Validate) Wait(j job.Job) time.Duration {
	return min(mostWait, firstWait<<min(2*len(j.Failed), 20))
}

// hashing is how often a version is looked at whose files are still hashed.
const hashing = 2 * time.Second

// Work implements job.Worker. It goes on at the first step without a verdict.
// A validation that could not be done in the last attempt is errored.
func (w Validate) Work(ctx context.Context, j job.Job) error {
	err := w.work(ctx, j)
	stopping := ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded)
	if err == nil || !j.Last || job.IsLater(err) || stopping {
		return err
	}
	var a args
	if err := j.Decode(&a); err != nil {
		return err
	}
	v, gone := w.Service.Get(context.WithoutCancel(ctx), a.ValidationID)
	if gone != nil || v.State.Final() {
		return err
	}
	return errors.Join(err, w.Service.finish(ctx, v, models.ValidationErrored, fmt.Sprintf("it could not be done in %d attempts; the last: %s", j.Attempt, words(err))))
}

func (w Validate) work(ctx context.Context, j job.Job) error {
	var a args
	if err := j.Decode(&a); err != nil {
		return err
	}
	v, err := w.Service.Get(ctx, a.ValidationID)
	if err != nil || v.State.Final() {
		return unlessGone(err)
	}
	p, err := w.Service.plan(ctx, v)
	switch {
	case models.IsKind(err, models.KindNotFound):
		return w.Service.finish(ctx, v, models.ValidationErrored, "the version was deleted")
	case err != nil:
		return err
	case p.version.Files == models.FilesHashing && !v.Cancelling:
		return job.Later(hashing)
	}
	return w.Service.run(ctx, v, p)
}

// errCancelled is why a validation's context ends when somebody cancels it.
var errCancelled = errors.New("the validation was cancelled")

// follow ends ctx when the validation is cancelled.
func (s *Service) follow(ctx context.Context, id int64, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if v, err := s.Get(ctx, id); err == nil && v.Cancelling {
			cancel(errCancelled)
			return
		}
	}
}

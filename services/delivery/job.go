package delivery

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/job"
)

// Workers are the jobs that this service does.
func (s *Service) Workers() []job.Worker {
	return []job.Worker{promoteJob{s}, retireJob{s}, validatedJob{s}}
}

// week bounds a rollout that waits for a person.
const week = 7 * 24 * time.Hour

// A canary is not left alone for a queue's growing backoff, nor are instances
// for good: the wait after a failure doubles up to a minute. A promotion that
// fails this often without getting any further fails for good.
const (
	maxBackoff  = time.Minute
	maxFailures = 8
)

// wait is the pause after another failure; what failed long ago is forgotten.
func (s *Service) wait(j job.Job) time.Duration {
	recent := j.FailedSince(s.Now().Add(-10 * maxBackoff))
	return min(s.Backoff<<min(recent, 10), maxBackoff)
}

type promoteJob struct{ *Service }

func (promoteJob) Kind() string           { return models.JobPromote }
func (promoteJob) Timeout() time.Duration { return week }

func (w promoteJob) Work(ctx context.Context, j job.Job) error {
	var args promoteArgs
	if err := j.Decode(&args); err != nil {
		return err
	}
	err := w.carry(ctx, args.PromotionID)
	if err == nil || ctx.Err() != nil || job.IsLater(err) {
		return err
	}
	if hopeless(err) || j.Last || w.stuck(ctx, args.PromotionID, j, err) {
		return w.lost(ctx, args.PromotionID, err)
	}
	return err
}

// Wait implements job.Patient.
func (w promoteJob) Wait(j job.Job) time.Duration { return w.wait(j) }

// stuck tells whether a promotion has failed so often since it got where it is
// that it will not go on. A back-end that is away is waited for: each state has
// a time limit of its own for that.
func (s *Service) stuck(ctx context.Context, id int64, j job.Job, cause error) bool {
	if models.IsKind(cause, models.KindUnavailable) {
		return false
	}
	p, err := s.Promotion(ctx, id)
	return err == nil && j.FailedSince(p.StateAt)+1 >= maxFailures
}

// hopeless tells whether trying again cannot help: what is wrong is what is
// asked for, not the moment.
func hopeless(err error) bool {
	switch models.KindOf(err) {
	case models.KindInvalid, models.KindNotFound, models.KindExists, models.KindUnsupported, models.KindForbidden:
		return err != nil
	default:
		return false
	}
}

// lost ends a promotion that cannot go on; its traffic goes back to the stable
// release. One that is not there at all is nobody's any more.
func (s *Service) lost(ctx context.Context, id int64, cause error) error {
	s.Log.WarnContext(ctx, "a promotion cannot go on", "promotion_id", id, "error", cause)
	_, err := s.change(ctx, id, fail, "it could not go on: "+message(cause), nil)
	if hopeless(err) || models.IsKind(err, models.KindConflict) { // gone, or ended meanwhile
		return nil
	}
	return err
}

type retireJob struct{ *Service }

func (retireJob) Kind() string           { return models.JobRetire }
func (retireJob) Timeout() time.Duration { return 15 * time.Minute }

func (w retireJob) Work(ctx context.Context, j job.Job) error {
	var args retireArgs
	if err := j.Decode(&args); err != nil {
		return err
	}
	err := w.Retire(ctx, args.ReleaseID)
	if models.IsKind(err, models.KindNotFound) {
		return nil // there is no such release any more
	}
	return err
}

// Wait implements job.Patient.
func (w retireJob) Wait(j job.Job) time.Duration { return w.wait(j) }

type validatedJob struct{ *Service }

func (validatedJob) Kind() string           { return models.JobValidated }
func (validatedJob) Timeout() time.Duration { return time.Minute }

func (w validatedJob) Work(ctx context.Context, j job.Job) error {
	var args struct {
		ValidationID int64 `json:"validation_id"`
	}
	if err := j.Decode(&args); err != nil {
		return err
	}
	return w.Validated(ctx, args.ValidationID)
}

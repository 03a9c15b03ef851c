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

// tryAgain is the wait after an error that trying again can help with: a canary
// is not left alone for a queue's growing backoff, nor are instances for good.
const tryAgain = 2 * time.Second

// soon has a job run again after an error of its own.
func (s *Service) soon(ctx context.Context, err error, key string, id int64) error {
	if err == nil || ctx.Err() != nil || job.IsLater(err) {
		return err
	}
	s.Log.WarnContext(ctx, "delivery interrupted, will be tried again", key, id, "error", err)
	return job.Later(tryAgain)
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
	if hopeless(err) && ctx.Err() == nil {
		err = w.lost(ctx, args.PromotionID, err)
	}
	return w.soon(ctx, err, "promotion_id", args.PromotionID)
}

// hopeless tells whether trying again cannot help: what is wrong is what is
// asked for, not the moment.
func hopeless(err error) bool {
	switch models.KindOf(err) {
	case models.KindInvalid, models.KindNotFound, models.KindExists, models.KindUnsupported, models.KindForbidden:
		return err != nil && !job.IsLater(err)
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
	return w.soon(ctx, err, "release_id", args.ReleaseID)
}

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

package image

import (
	"context"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
)

// buildArgs are those of a job of kind build.
type buildArgs struct {
	VersionID int64 `json:"version_id"`
}

// Worker builds images that were asked for.
type Worker struct {
	Images *Service
}

// Kind implements job.Worker.
func (Worker) Kind() string { return models.JobBuild }

// Timeout implements job.Worker: time for a model of 50 GB.
func (Worker) Timeout() time.Duration { return 2 * time.Hour }

// Work implements job.Worker. A version that cannot be built is the image's
// state and ends the job.
func (w Worker) Work(ctx context.Context, j job.Job) error {
	var args buildArgs
	if err := j.Decode(&args); err != nil {
		return err
	}
	img, err := w.Images.Build(ctx, args.VersionID)
	reason := "what goes into it changed before it was built"
	switch kind := models.KindOf(err); {
	case err == nil:
	case kind == models.KindInvalid || kind == models.KindConflict || kind == models.KindNotFound:
		reason = err.Error()
	default:
		return err
	}
	return w.Images.abandon(ctx, args.VersionID, img.ID, reason)
}

// abandon ends the images of a version that nobody will build any more, so that
// who follows one learns it.
func (s *Service) abandon(ctx context.Context, versionID, except int64, reason string) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		list, err := tx.Images().OfVersion(versionID, 0, 100)
		if err != nil {
			return err
		}
		for _, img := range list {
			if img.ID == except || img.State.Final() {
				continue
			}
			img.State, img.Reason = models.ImageFailed, reason
			if err := tx.Images().Update(img); err != nil {
				return err
			}
		}
		return nil
	})
}

var _ job.Worker = Worker{}

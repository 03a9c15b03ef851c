package gc

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Builds is what makes images.
type Builds interface {
	// Paused runs fn while no image is built here, and tells whether it did:
	// where one is being built now, fn does not run.
	Paused(fn func() error) (bool, error)
	// Relist lists the images anew.
	Relist(ctx context.Context) error
}

// Service collects garbage.
type Service struct {
	DB      storage.DB
	Blobs   blob.Store
	Builds  Builds
	Roots   models.ArtifactRoots
	Log     *slog.Logger
	Metrics *Metrics
}

// Default is how long what was deleted can be restored, unless told otherwise.
const Default = 30 * 24 * time.Hour

// StaleUpload is the age from which an upload that nobody writes to is given up.
const StaleUpload = 24 * time.Hour

type args struct {
	ID int64 `json:"gc_id"`
}

// Start begins a collection, or with dry the plan of one. Asking for what is
// under way gives that.
func (s *Service) Start(ctx context.Context, olderThan time.Duration, dry bool) (g models.GC, err error) {
	if olderThan < 0 {
		return g, models.Errorf(models.KindInvalid, "older_than: %s lies in the future: use 0s or more", olderThan)
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		running, err := tx.GCs().Unfinished()
		switch {
		case err == nil && running.DryRun == dry && running.OlderThan == olderThan:
			g = running
			return nil
		case err == nil:
			return models.Errorf(models.KindConflict, "gc %d is under way: wait for its end", running.ID)
		case !models.IsKind(err, models.KindNotFound):
			return err
		}
		if g, err = tx.GCs().Create(models.GC{OlderThan: olderThan, DryRun: dry}); err != nil {
			return err
		}
		if !dry {
			if err := tx.Audit(models.AuditRecord{
				Action: "gc.started", Reason: fmt.Sprintf("what was deleted more than %s ago", olderThan), Details: map[string]any{"gc": g.ID},
			}); err != nil {
				return err
			}
		}
		return tx.Enqueue(models.JobGC, args{g.ID})
	})
	return g, err
}

// Get finds a collection.
func (s *Service) Get(ctx context.Context, id int64) (g models.GC, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		g, err = tx.GCs().Get(id)
		return err
	})
	return g, err
}

// List gives collections newest first, from below an id (0: the newest).
func (s *Service) List(ctx context.Context, below int64, limit int) (list []models.GC, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		list, err = tx.GCs().List(below, limit)
		return err
	})
	return list, err
}

// Worker collects.
type Worker struct{ *Service }

// Kind implements job.Worker.
func (Worker) Kind() string { return models.JobGC }

// Timeout implements job.Worker: millions of files take their time.
func (Worker) Timeout() time.Duration { return 24 * time.Hour }

// Work implements job.Worker. After a crash it goes on with what is left.
func (w Worker) Work(ctx context.Context, j job.Job) error {
	var a args
	if err := j.Decode(&a); err != nil {
		return err
	}
	g, err := w.Get(ctx, a.ID)
	if err != nil || g.State.Final() {
		return err
	}
	c := &collection{Service: w.Service, gc: g}
	if g.DryRun {
		c.gc.Report = models.GCReport{} // a plan is made anew
	}
	err = c.run(ctx)
	if err != nil && ctx.Err() != nil {
		return err // the server stops; the next one goes on
	}
	c.gc.State = models.GCDone
	if err != nil {
		w.Log.WarnContext(ctx, "gc ended early", "gc_id", g.ID, "error", err)
		c.gc.State, c.gc.Reason = models.GCFailed, "it ended early: "+models.Reason(err)+"; what is left goes with the next gc"
	}
	if err := w.DB.InTx(context.WithoutCancel(ctx), func(tx storage.Tx) error { return c.end(tx) }); err != nil {
		return err
	}
	w.Metrics.count(c.gc)
	return nil
}

// end writes how it ended, and what was removed into the audit log.
func (c *collection) end(tx storage.Tx) error {
	if err := tx.GCs().Save(c.gc); err != nil || c.gc.DryRun {
		return err
	}
	if err := tx.Purge().Spare(); err != nil {
		return err
	}
	sum := c.gc.Report.Sum()
	return tx.Audit(models.AuditRecord{
		Action: "gc." + string(c.gc.State), Reason: fmt.Sprintf("%d things with %d files of %d bytes", sum.Count, sum.Files, sum.Bytes),
		Details: map[string]any{"gc": c.gc.ID, "totals": c.gc.Report.Totals},
	})
}

package gc

import (
	"context"
	"fmt"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// batch is how many things go together.
const batch = 200

// collection is one run of gc.
type collection struct {
	*Service
	gc     models.GC
	began  time.Time // files that came later are left alone
	before time.Time // what was deleted earlier goes
}

func (c *collection) run(ctx context.Context) error {
	now, err := c.DB.Now(ctx)
	if err != nil {
		return err
	}
	c.began, c.before = now, now.Add(-c.gc.OlderThan).Add(time.Millisecond)
	c.gc.State = models.GCRunning
	if err := c.save(ctx); err != nil {
		return err
	}
	if !c.gc.DryRun { // nothing of an experiment comes back while it goes
		if err := c.all(ctx, models.GarbageExperiment, c.hide); err != nil {
			return err
		}
	}
	for _, kind := range []models.Garbage{
		models.GarbageRun, models.GarbageLoggedModel, models.GarbageExperiment,
		models.GarbageImage, models.GarbageVersion, models.GarbageModel, models.GarbagePush,
	} {
		if err := c.all(ctx, kind, c.purge); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	for _, sweep := range []func(context.Context) error{c.images, c.frozen, c.data, c.orphans, c.uploads, c.keys} {
		if err := sweep(ctx); err != nil {
			return err
		}
	}
	return nil
}

// all calls do with what may go of a kind, a batch at a time.
func (c *collection) all(ctx context.Context, kind models.Garbage, do func(context.Context, models.Garbage, []models.Purgeable) error) error {
	var after int64
	for ctx.Err() == nil {
		var list []models.Purgeable
		err := c.DB.View(ctx, func(tx storage.Tx) (err error) {
			list, err = tx.Purge().Purgeable(kind, c.before, after, batch)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].Key
		if err := do(ctx, kind, list); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func keys(list []models.Purgeable) []int64 {
	keys := make([]int64, len(list))
	for i, p := range list {
		keys[i] = p.Key
	}
	return keys
}

func (c *collection) hide(ctx context.Context, kind models.Garbage, list []models.Purgeable) error {
	return c.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Purge().Hide(kind, keys(list)) })
}

// purge removes a batch, or only tells what it would remove.
func (c *collection) purge(ctx context.Context, kind models.Garbage, list []models.Purgeable) error {
	if !c.gc.DryRun {
		if err := c.hide(ctx, kind, list); err != nil {
			return err
		}
	}
	report := c.gc.Report
	report.Items, report.Totals = clone(report)
	for _, p := range list {
		files, err := c.filesOf(ctx, p)
		if err != nil {
			return err
		}
		report.Add(models.GCItem{Kind: kind, ID: p.ID, Name: p.Name, Files: files.count, Bytes: files.bytes})
		report.Missing += files.missing
		report.Held += files.held
	}
	if c.gc.DryRun {
		c.gc.Report = report
		return c.save(ctx)
	}
	for done := false; !done; {
		err := c.DB.InTx(ctx, func(tx storage.Tx) (err error) {
			if err := tx.Purge().Spare(); err != nil {
				return err
			}
			if done, err = tx.Purge().Remove(kind, keys(list)); err != nil || !done {
				return err
			}
			g := c.gc
			g.Report, g.Progress = report, progress(report)
			return tx.GCs().Save(g)
		})
		if err != nil {
			return err
		}
	}
	c.gc.Report, c.gc.Progress = report, progress(report)
	return nil
}

// clone gives parts of a report that can change while the report stands.
func clone(r models.GCReport) ([]models.GCItem, map[models.Garbage]models.GCTotal) {
	totals := make(map[models.Garbage]models.GCTotal, len(r.Totals)+1)
	for kind, t := range r.Totals {
		totals[kind] = t
	}
	return append([]models.GCItem(nil), r.Items...), totals
}

func progress(r models.GCReport) models.Progress {
	return models.Progress{Done: r.Sum().Count, Unit: "things"}
}

// save keeps how far it is; what was doomed is gone.
func (c *collection) save(ctx context.Context) error {
	c.gc.Progress = progress(c.gc.Report)
	return c.DB.InTx(ctx, func(tx storage.Tx) error {
		if !c.gc.DryRun {
			if err := tx.Purge().Spare(); err != nil {
				return err
			}
		}
		return tx.GCs().Save(c.gc)
	})
}

// decide runs fn, which chooses what goes, in a transaction: the one in which it
// is doomed, so that whoever came to cite it is seen, and whoever comes later
// sees that it goes.
func (c *collection) decide(ctx context.Context, fn func(tx storage.Tx) (going []string, err error)) error {
	run := c.DB.InTx
	if c.gc.DryRun {
		run = c.DB.View
	}
	return run(ctx, func(tx storage.Tx) error {
		if !c.gc.DryRun {
			tx.Manifests() // waits for those who are registering
		}
		going, err := fn(tx)
		if err != nil || c.gc.DryRun || len(going) == 0 {
			return err
		}
		return tx.Purge().Doom(going)
	})
}

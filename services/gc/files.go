package gc

import (
	"context"
	"path"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// found is what became, or would become, of the files of one thing.
type found struct {
	count, bytes int64
	missing      int64 // recorded, and gone already
	held         int64 // cited by a version's manifest, so left
}

// filesOf removes the files of a thing of its own, or counts them.
func (c *collection) filesOf(ctx context.Context, p models.Purgeable) (found, error) {
	switch p.Kind {
	case models.GarbageRun, models.GarbageLoggedModel:
		key, ours := c.Roots.Key(p.Folder)
		if !ours || key == "" {
			return found{}, nil
		}
		return c.folder(ctx, key, nothing)
	case models.GarbageExperiment:
		// What else lies in its folder, where the folder is its own.
		key, ours := c.Roots.Key(p.Folder)
		if !ours || path.Base(key) != strconv.FormatInt(p.Key, 10) {
			return found{}, nil
		}
		f, err := c.folder(ctx, key, c.counted(ctx, key))
		f.held = 0 // they were counted with their runs
		return f, err
	case models.GarbageVersion:
		return c.logs(ctx, p.Key)
	default:
		return found{}, nil
	}
}

func nothing(string) bool { return false }

// counted tells what in an experiment's folder a plan has counted with its run
// or logged model, which a collection has removed by then.
func (c *collection) counted(ctx context.Context, experiment string) func(key string) bool {
	if !c.gc.DryRun {
		return nothing
	}
	owned := map[string]bool{}
	return func(key string) bool {
		rest, _ := strings.CutPrefix(key, experiment+"/")
		rest, _ = strings.CutPrefix(rest, "models/")
		id, _, _ := strings.Cut(rest, "/")
		is, known := owned[id]
		if !known {
			_ = c.DB.View(ctx, func(tx storage.Tx) error {
				owners, err := tx.Purge().Owners([]string{id})
				is = owners[id]
				return err
			})
			owned[id] = is
		}
		return is
	}
}

// folder removes what is in a folder, but for what is skipped and what a
// manifest cites.
func (c *collection) folder(ctx context.Context, folder string, skip func(key string) bool) (f found, err error) {
	var recorded []models.Artifact
	cited := map[string]bool{}
	err = c.DB.View(ctx, func(tx storage.Tx) error {
		entries, err := tx.Manifests().Cited(folder)
		for _, e := range entries {
			cited[e.Key] = true
		}
		if err == nil {
			recorded, err = tx.Artifacts().Under(folder)
		}
		return err
	})
	if err != nil {
		return f, err
	}
	var there []blob.Object
	if err := c.Blobs.Walk(ctx, folder, func(o blob.Object) error {
		if !skip(o.Key) {
			there = append(there, o)
		}
		return nil
	}); err != nil {
		return f, err
	}
	present := make(map[string]bool, len(there))
	going := there[:0]
	for _, o := range there {
		present[o.Key] = true
		if cited[o.Key] {
			f.held++
			continue
		}
		f.count++
		f.bytes += o.Size
		going = append(going, o)
	}
	var forget []string
	for _, a := range recorded {
		if !present[a.Key] && !skip(a.Key) {
			f.missing++
		}
		if !cited[a.Key] {
			forget = append(forget, a.Key)
		}
	}
	if c.gc.DryRun {
		return f, nil
	}
	if f.held == 0 {
		if err := c.forget(ctx, len(recorded), []string{folder}); err != nil {
			return f, err
		}
		return f, c.Blobs.Delete(ctx, folder)
	}
	if err := c.forget(ctx, len(forget), forget); err != nil {
		return f, err
	}
	return f, c.remove(ctx, going)
}

// forget removes the digests recorded for paths: first, so that no manifest
// comes to cite a file that goes.
func (c *collection) forget(ctx context.Context, recorded int, paths []string) error {
	if recorded == 0 {
		return nil
	}
	return c.DB.InTx(ctx, func(tx storage.Tx) error {
		for _, p := range paths {
			if err := tx.Artifacts().Forget(p); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *collection) remove(ctx context.Context, list []blob.Object) error {
	for _, o := range list {
		if err := c.Blobs.Delete(ctx, o.Key); err != nil {
			return err
		}
	}
	return nil
}

// logs removes what a version's validations wrote.
func (c *collection) logs(ctx context.Context, versionID int64) (f found, err error) {
	var logs []string
	if err := c.DB.View(ctx, func(tx storage.Tx) (err error) {
		logs, err = tx.Purge().Logs([]int64{versionID})
		return err
	}); err != nil {
		return f, err
	}
	for _, key := range logs {
		o, err := c.Blobs.Stat(ctx, key)
		if models.IsKind(err, models.KindNotFound) {
			f.missing++
			continue
		}
		if err != nil {
			return f, err
		}
		f.count++
		f.bytes += o.Size
		if !c.gc.DryRun {
			if err := c.Blobs.Delete(ctx, key); err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

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
// manifest cites. What was recorded of the files goes first, so that no manifest
// comes to cite one that goes.
func (c *collection) folder(ctx context.Context, folder string, skip func(key string) bool) (f found, err error) {
	var cited, recorded map[string]bool
	err = c.decide(ctx, func(tx storage.Tx) ([]string, error) {
		cited, recorded = map[string]bool{}, map[string]bool{}
		entries, err := tx.Manifests().Cited(folder)
		for _, e := range entries {
			cited[e.Key] = true
		}
		if err != nil {
			return nil, err
		}
		known, err := tx.Artifacts().Under(folder)
		for _, a := range known {
			recorded[a.Key] = true
		}
		if err != nil || c.gc.DryRun {
			return nil, err
		}
		return []string{folder}, forget(tx, folder, recorded, cited)
	})
	if err != nil {
		return f, err
	}
	var going []string
	flush := func() error {
		keys := going
		going = going[:0]
		if c.gc.DryRun || len(keys) == 0 {
			return nil
		}
		return c.Blobs.DeleteFiles(ctx, keys)
	}
	if err := c.Blobs.Walk(ctx, folder, func(o blob.Object) error {
		if skip(o.Key) {
			return nil
		}
		delete(recorded, o.Key)
		if cited[o.Key] {
			f.held++
			return nil
		}
		f.count++
		f.bytes += o.Size
		if going = append(going, o.Key); len(going) < 5*batch {
			return nil
		}
		return flush()
	}); err != nil {
		return f, err
	}
	if err := flush(); err != nil {
		return f, err
	}
	for key := range recorded {
		if !skip(key) {
			f.missing++
		}
	}
	return f, nil
}

// forget removes the digests recorded below a folder, but for what is cited.
func forget(tx storage.Tx, folder string, recorded, cited map[string]bool) error {
	if len(recorded) == 0 {
		return nil
	}
	if len(cited) == 0 {
		return tx.Artifacts().Forget(folder)
	}
	for key := range recorded {
		if !cited[key] {
			if err := tx.Artifacts().Forget(key); err != nil {
				return err
			}
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

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
// manifest cites. It holds a part of the files at a time, however many there
// are.
func (c *collection) folder(ctx context.Context, folder string, skip func(key string) bool) (f found, err error) {
	recorded := &records{collection: c, folder: folder, skip: skip}
	if err := recorded.next(ctx); err != nil { // dooms the folder: nobody comes to cite what is in it
		return f, err
	}
	part := make([]blob.Object, 0, 5*batch)
	flush := func() error {
		err := c.part(ctx, part, &f)
		part = part[:0]
		return err
	}
	if err := c.Blobs.Walk(ctx, folder, func(o blob.Object) error {
		if skip(o.Key) {
			return nil
		}
		if err := recorded.pass(ctx, o.Key); err != nil {
			return err
		}
		if part = append(part, o); len(part) < cap(part) {
			return nil
		}
		return flush()
	}); err != nil {
		return f, err
	}
	if err := flush(); err != nil {
		return f, err
	}
	f.missing, err = recorded.end(ctx)
	return f, err
}

// part removes those files that no manifest cites.
func (c *collection) part(ctx context.Context, part []blob.Object, f *found) error {
	if len(part) == 0 {
		return nil
	}
	var cited map[string]bool
	if err := c.DB.View(ctx, func(tx storage.Tx) (err error) {
		cited, err = tx.Purge().CitedKeys(keysOf(part))
		return err
	}); err != nil {
		return err
	}
	going := make([]string, 0, len(part))
	for _, o := range part {
		if cited[o.Key] {
			f.held++
			continue
		}
		f.count++
		f.bytes += o.Size
		going = append(going, o.Key)
	}
	if c.gc.DryRun || len(going) == 0 {
		return nil
	}
	return c.Blobs.DeleteFiles(ctx, going)
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

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

// sweep removes the objects under a folder that are older than the collection
// and that unneeded chooses, a part at a time.
func (c *collection) sweep(ctx context.Context, kind models.Garbage, folder string, unneeded func(tx storage.Tx, list []blob.Object) ([]blob.Object, error)) error {
	part := make([]blob.Object, 0, 5*batch)
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		var going []blob.Object
		err := c.decide(ctx, func(tx storage.Tx) (_ []string, err error) {
			going, err = unneeded(tx, part)
			return keysOf(going), err
		})
		part = part[:0]
		if err != nil || len(going) == 0 {
			return err
		}
		if !c.gc.DryRun {
			if err := c.Blobs.DeleteFiles(ctx, keysOf(going)); err != nil {
				return err
			}
		}
		for _, o := range going {
			c.gc.Report.Add(models.GCItem{Kind: kind, ID: o.Key, Files: 1, Bytes: o.Size})
		}
		return c.save(ctx)
	}
	if err := c.Blobs.Walk(ctx, folder, func(o blob.Object) error {
		if !o.Modified.Before(c.began) {
			return nil
		}
		if part = append(part, o); len(part) < cap(part) {
			return nil
		}
		return flush()
	}); err != nil {
		return err
	}
	return flush()
}

func keysOf(list []blob.Object) []string {
	keys := make([]string, len(list))
	for i, o := range list {
		keys[i] = o.Key
	}
	return keys
}

// images removes the blobs of the layout that no image has. While one is being
// built, here or on another server, they stay.
func (c *collection) images(ctx context.Context) error {
	_, err := c.Builds.Paused(func() error {
		var after map[string]bool
		if c.gc.DryRun { // those of images that would have gone are needed no more
			var err error
			if after, err = c.neededAfter(ctx); err != nil {
				return err
			}
		}
		return c.sweep(ctx, models.GarbageBlob, blob.Reserved+"/images/blobs", func(tx storage.Tx, list []blob.Object) (going []blob.Object, err error) {
			needed, building, err := tx.Purge().Digests()
			if err != nil || building {
				return nil, err
			}
			if after != nil {
				needed = after
			} else if !c.gc.DryRun {
				if err := tx.Purge().ForgetLayers(needed); err != nil {
					return nil, err
				}
			}
			for _, o := range list {
				if digest := path.Base(path.Dir(o.Key)) + ":" + path.Base(o.Key); !needed[digest] {
					going = append(going, o)
				}
			}
			return going, nil
		})
	})
	if err != nil || c.gc.DryRun {
		return err
	}
	return c.Builds.Relist(ctx)
}

// neededAfter gives the digests that are needed once the images that may go
// have gone; nil where none may.
func (c *collection) neededAfter(ctx context.Context) (map[string]bool, error) {
	going := map[int64]bool{}
	err := c.all(ctx, models.GarbageImage, func(_ context.Context, _ models.Garbage, list []models.Purgeable) error {
		for _, p := range list {
			going[p.Key] = true
		}
		return nil
	})
	if err != nil || len(going) == 0 {
		return nil, err
	}
	needed := map[string]bool{}
	return needed, c.DB.View(ctx, func(tx storage.Tx) error {
		ready, err := tx.Images().Ready()
		for _, img := range ready {
			if going[img.ID] {
				continue
			}
			needed[img.Digest], needed[img.ConfigDigest] = true, true
			for _, l := range img.Layers {
				needed[l.Digest] = true
			}
		}
		return err
	})
}

// frozen removes bytes that were kept for manifests which are no more.
func (c *collection) frozen(ctx context.Context) error {
	for _, folder := range []string{"sha256", "kept", "versions"} {
		if err := c.sweep(ctx, models.GarbageFrozen, blob.Reserved+"/"+folder, uncited); err != nil {
			return err
		}
	}
	return nil
}

// uncited chooses what no manifest cites, and what is not about to be cited: a
// version's files that are hashed still.
func uncited(tx storage.Tx, list []blob.Object) (going []blob.Object, err error) {
	keys := make([]string, len(list))
	versions := make([]int64, len(list))
	for i, o := range list {
		keys[i] = o.Key
		if rest, ok := strings.CutPrefix(o.Key, blob.Reserved+"/versions/"); ok {
			id, _, _ := strings.Cut(rest, "/")
			versions[i], _ = strconv.ParseInt(id, 10, 64)
		}
	}
	cited, err := tx.Purge().CitedKeys(keys)
	if err != nil {
		return nil, err
	}
	hashing, err := tx.Purge().Hashing(versions)
	for i, o := range list {
		if !cited[o.Key] && !hashing[versions[i]] {
			going = append(going, o)
		}
	}
	return going, err
}

// data removes blobs of data sets that were never committed. Their rows go
// first: a push that begins meanwhile asks for them again.
func (c *collection) data(ctx context.Context) error {
	if !c.gc.DryRun {
		if err := c.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Purge().ForgetDataBlobs() }); err != nil {
			return err
		}
	}
	return c.sweep(ctx, models.GarbageData, blob.Reserved+"/datasets", func(tx storage.Tx, list []blob.Object) (going []blob.Object, err error) {
		digests := make([]string, len(list))
		for i, o := range list {
			digests[i] = path.Base(o.Key)
		}
		has, err := tx.Purge().DataBlobs(digests)
		for i, o := range list {
			if !has[digests[i]] {
				going = append(going, o)
			}
		}
		return going, err
	})
}

// uploads gives up those that were cut off: what the store holds of them is
// seen nowhere.
func (c *collection) uploads(ctx context.Context) error {
	sweeper, ok := blob.As[blob.Sweeper](c.Blobs)
	if !ok {
		return nil
	}
	n, err := sweeper.Sweep(ctx, c.began.Add(-max(c.gc.OlderThan, StaleUpload)), c.gc.DryRun)
	if n > 0 {
		c.gc.Report.Items, c.gc.Report.Totals = clone(c.gc.Report)
		c.gc.Report.Totals[models.GarbageUpload] = models.GCTotal{Count: int64(n)}
	}
	if err != nil || c.gc.DryRun {
		return err
	}
	return c.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Purge().ExpiredUploads(c.began) })
}

// keys forgets requests that are done once, when their time is over.
func (c *collection) keys(ctx context.Context) error {
	return c.DB.InTx(ctx, func(tx storage.Tx) error {
		n, err := tx.Purge().ExpiredKeys(c.began, c.gc.DryRun)
		if err != nil || n == 0 {
			return err
		}
		c.gc.Report.Items, c.gc.Report.Totals = clone(c.gc.Report)
		c.gc.Report.Totals[models.GarbageKey] = models.GCTotal{Count: n}
		return nil
	})
}

package gc

import (
	"context"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

var runID = regexp.MustCompile(`^[0-9a-f]{32}$`)

var traceID = regexp.MustCompile(`^(tr-)?[0-9a-f]{32}$`)

// orphans removes the folders of runs, logged models and traces that are no
// more: what a client uploaded after they were purged, and what a manifest
// cited then. A trace that is deleted leaves its files to this.
func (c *collection) orphans(ctx context.Context) error {
	after, highest := int64(-1), int64(0)
	known := map[int64]bool{}
	for {
		var page map[int64]string
		if err := c.DB.View(ctx, func(tx storage.Tx) (err error) {
			page, highest, err = tx.Purge().Locations(after, 5*batch)
			return err
		}); err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for id, uri := range page {
			known[id], after = true, max(after, id)
			key, ours := c.Roots.Key(uri)
			if !ours || path.Base(key) != strconv.FormatInt(id, 10) {
				continue
			}
			if err := c.orphansIn(ctx, key); err != nil {
				return err
			}
		}
	}
	zero, ours := c.Roots.Key(models.JoinURI(c.Roots.Default, "0"))
	if !ours {
		return nil
	}
	root := strings.TrimPrefix(path.Dir(zero), ".")
	tops, err := c.Blobs.List(ctx, root)
	if err != nil {
		return err
	}
	for _, top := range tops { // those of experiments that are no more
		id, err := strconv.ParseInt(top.Name, 10, 64)
		if err != nil || !top.IsDir || known[id] || id <= 0 || id > highest || strconv.FormatInt(id, 10) != top.Name {
			continue
		}
		if err := c.orphansIn(ctx, path.Join(root, top.Name)); err != nil {
			return err
		}
	}
	return nil
}

// orphansIn removes those of an experiment's folder.
func (c *collection) orphansIn(ctx context.Context, experiment string) error {
	for _, kind := range []struct {
		folder string
		is     func(name string) bool
	}{
		{experiment, runID.MatchString},
		{experiment + "/models", func(name string) bool { return strings.HasPrefix(name, "m-") }},
		{experiment + "/traces", traceID.MatchString},
	} {
		part := make([]string, 0, 5*batch)
		flush := func() error {
			err := c.unowned(ctx, kind.folder, part)
			part = part[:0]
			return err
		}
		if err := c.Blobs.Each(ctx, kind.folder, func(e blob.Entry) error {
			if !e.IsDir || !kind.is(e.Name) {
				return nil
			}
			if part = append(part, e.Name); len(part) < cap(part) {
				return nil
			}
			return flush()
		}); err != nil {
			return err
		}
		if err := flush(); err != nil {
			return err
		}
	}
	return c.save(ctx)
}

// unowned removes those of some folders, named by ids, that nothing owns.
func (c *collection) unowned(ctx context.Context, parent string, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	var owned map[string]bool // asked after the listing: a folder comes after its row
	if err := c.DB.View(ctx, func(tx storage.Tx) (err error) {
		owned, err = tx.Purge().Owners(ids)
		return err
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if owned[id] {
			continue
		}
		folder := parent + "/" + id
		f, err := c.folder(ctx, folder, nothing)
		if err != nil {
			return err
		}
		c.gc.Report.Missing += f.missing
		if f.count > 0 {
			c.gc.Report.Add(models.GCItem{Kind: models.GarbageOrphan, ID: folder, Files: f.count, Bytes: f.bytes})
		}
	}
	return nil
}

package gc

import (
	"context"

	"github.com/slipway-ml/slipway/storage"
)

// records goes along what is recorded of the files in a folder, a page at a
// time and in the order of keys, beside a walk of the files themselves. What it
// has read is forgotten, but for what a manifest cites, before the walk comes
// to the files: so no manifest comes to cite one that goes.
type records struct {
	*collection
	folder string
	skip   func(key string) bool

	page    []string // what the walk has not passed yet
	after   string   // the last key that was read
	doomed  bool
	read    bool // all
	missing int64
}

// next reads a page.
func (r *records) next(ctx context.Context) error {
	var page []string
	err := r.decide(ctx, func(tx storage.Tx) (going []string, err error) {
		list, err := tx.Artifacts().Page(r.folder, r.after, 5*batch)
		if err != nil {
			return nil, err
		}
		page = make([]string, len(list))
		for i, a := range list {
			page[i] = a.Key
		}
		if !r.doomed {
			going = []string{r.folder}
		}
		return going, r.forget(tx, page)
	})
	if err != nil {
		return err
	}
	r.page, r.doomed, r.read = page, true, len(page) < 5*batch
	if len(page) > 0 {
		r.after = page[len(page)-1]
	}
	return nil
}

// forget removes the digests of files that nobody cites.
func (r *records) forget(tx storage.Tx, keys []string) error {
	if r.gc.DryRun || len(keys) == 0 {
		return nil
	}
	cited, err := tx.Purge().CitedKeys(keys)
	if err != nil {
		return err
	}
	going := make([]string, 0, len(keys))
	for _, key := range keys {
		if !cited[key] {
			going = append(going, key)
		}
	}
	return tx.Artifacts().ForgetKeys(going)
}

// pass goes on to a file that the walk has found: those recorded before it are
// gone.
func (r *records) pass(ctx context.Context, key string) error {
	for {
		for len(r.page) > 0 && r.page[0] < key {
			r.miss()
		}
		if len(r.page) > 0 {
			if r.page[0] == key {
				r.page = r.page[1:]
			}
			return nil
		}
		if r.read {
			return nil
		}
		if err := r.next(ctx); err != nil {
			return err
		}
	}
}

// end reads the rest, and tells how many files are gone in all.
func (r *records) end(ctx context.Context) (missing int64, err error) {
	for {
		for len(r.page) > 0 {
			r.miss()
		}
		if r.read {
			return r.missing, nil
		}
		if err := r.next(ctx); err != nil {
			return r.missing, err
		}
	}
}

func (r *records) miss() {
	if !r.skip(r.page[0]) {
		r.missing++
	}
	r.page = r.page[1:]
}

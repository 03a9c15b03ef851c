package artifact

import (
	"context"
	"io"
	"path"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// File is one file to be read, in whole or in part.
type File struct {
	Name     string // base name
	Size     int64
	SHA256   string // hex; "" where it is not known
	Modified time.Time

	key   string
	entry *models.ManifestEntry // of a version: what is read whole is verified
	blobs blob.Store
	ctx   context.Context //nolint:containedctx // of the request that reads it
}

// Open reads from offset to the end.
func (f File) Open(offset int64) (io.ReadCloser, error) {
	r, _, err := f.blobs.Get(f.ctx, f.key, offset, -1)
	if err == nil && f.entry != nil && offset == 0 {
		return verify(r, *f.entry), nil
	}
	return r, err
}

// File finds a file by its path, else not_found; a folder is invalid.
func (s *Service) File(ctx context.Context, path string) (File, error) {
	key, err := fileAt(path)
	if err != nil {
		return File{}, err
	}
	return s.file(ctx, key)
}

func (s *Service) file(ctx context.Context, key string) (File, error) {
	o, err := s.blobs.Stat(ctx, key)
	if models.IsKind(err, models.KindNotFound) {
		if inside, listErr := s.blobs.List(ctx, key); listErr == nil && len(inside) > 0 {
			return File{}, models.Errorf(models.KindInvalid, "'%s' is a folder: list it, or name a file in it", key)
		}
	}
	if err != nil {
		return File{}, err
	}
	f := File{Name: path.Base(key), Size: o.Size, Modified: o.Modified, key: key, blobs: s.blobs, ctx: ctx}
	return f, s.db.View(ctx, func(tx storage.Tx) error {
		recorded, err := tx.Artifacts().Under(key)
		if len(recorded) > 0 && recorded[0].Key == key && unchanged(recorded[0], o) {
			f.SHA256 = recorded[0].SHA256
		}
		return err
	})
}

// Entry is one name in a folder.
type Entry = blob.Entry

// List gives the direct children of a folder; none for one that is not there
// or that is a file.
func (s *Service) List(ctx context.Context, folder string) ([]Entry, error) {
	key, err := folderAt(folder)
	if err != nil {
		return nil, err
	}
	entries, err := s.blobs.List(ctx, key)
	if key != "" || err != nil {
		return entries, err
	}
	visible := entries[:0]
	for _, e := range entries {
		if e.Name != blob.Reserved {
			visible = append(visible, e)
		}
	}
	return visible, nil
}

package artifact

import (
	"context"
	"errors"
	"io"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Put stores what r gives at a path and records its digest. Until it returns
// nothing of it is visible; size is the number of bytes that must come, or -1.
// A crash between the two steps leaves a file without a digest, which whoever
// registers it has hashed by a job.
func (s *Service) Put(ctx context.Context, path string, r io.Reader, size int64) (models.Artifact, error) {
	path, err := fileAt(path)
	if err != nil {
		return models.Artifact{}, err
	}
	release := func() {}
	upload := &upload{Reader: r, size: size, arrived: func() error {
		held, err := s.hold(ctx, path)
		if err != nil {
			return err
		}
		release = held
		if s.vacant(path) {
			return nil // what is recorded of it is of bytes that are gone
		}
		return s.keep(ctx, path)
	}}
	defer func() { release() }()
	o, err := s.blobs.Put(ctx, path, upload, size)
	if err != nil {
		return models.Artifact{}, err
	}
	a := models.Artifact{Key: o.Key, Size: o.Size, SHA256: o.SHA256, Modified: o.Modified, ETag: o.ETag}
	// The bytes are in place: their record is written also if the caller leaves.
	return a, s.db.InTx(context.WithoutCancel(ctx), func(tx storage.Tx) error { return tx.Artifacts().Put(a) })
}

// vacant tells whether it is certain that nothing stands at a path, which is so
// for most uploads and saves asking the database.
func (s *Service) vacant(path string) bool {
	h, ok := blob.As[blob.Holder](s.blobs)
	return ok && !h.Holds(path)
}

// upload calls arrived once all bytes are here, before the store learns of
// their end and replaces what was there.
type upload struct {
	io.Reader
	size, n int64
	arrived func() error
	ended   bool
}

func (u *upload) Read(p []byte) (int, error) {
	if u.ended {
		return 0, io.EOF
	}
	n, err := u.Reader.Read(p)
	u.n += int64(n)
	if errors.Is(err, io.EOF) && (u.size < 0 || u.n == u.size) {
		u.ended = true
		if kept := u.arrived(); kept != nil {
			return n, kept
		}
	}
	return n, err
}

// Delete removes a file or a folder; a missing one is no error. Bytes that a
// version's manifest cites stay readable to that version.
func (s *Service) Delete(ctx context.Context, path string) error {
	path, err := fileAt(path)
	if err != nil {
		return err
	}
	release, err := s.holdAll(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := s.keep(ctx, path); err != nil {
		return err
	}
	return s.blobs.Delete(ctx, path)
}

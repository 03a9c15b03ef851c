package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Manifest gives the frozen files of a version. A conflict says why there is
// no manifest: files are being hashed still, or lie outside our store.
func (s *Service) Manifest(ctx context.Context, versionID int64) (m models.Manifest, err error) {
	err = s.db.View(ctx, func(tx storage.Tx) error {
		v, err := tx.Versions().Get(versionID)
		if err != nil {
			return err
		}
		switch v.Files {
		case models.FilesHashing:
			return models.Errorf(models.KindConflict, "the files of %s are still being hashed: try again in a while", v.Ref())
		case models.FilesOutside:
			return models.Errorf(models.KindConflict, "the files of %s are at %s, outside the artifact store: log the model through this server and register that", v.Ref(), v.Source)
		case models.FilesFrozen:
		}
		entries, err := tx.Manifests().Get(versionID)
		m = models.Manifest{Entries: entries, Digest: v.Digest}
		return err
	})
	return m, err
}

// Open reads a manifest's entry and verifies it on the way: where the bytes
// are not what was frozen, the last read fails with a conflict that names the
// path. The caller closes.
func (s *Service) Open(ctx context.Context, e models.ManifestEntry) (io.ReadCloser, error) {
	r, _, err := s.blobs.Get(ctx, e.Key, 0, -1)
	if models.IsKind(err, models.KindNotFound) {
		return nil, gone(e).Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", e.Path, err)
	}
	return verify(r, e), nil
}

func verify(r io.ReadCloser, e models.ManifestEntry) io.ReadCloser {
	return &verified{r: r, entry: e, hash: sha256.New()}
}

type verified struct {
	r     io.ReadCloser
	entry models.ManifestEntry
	hash  hash.Hash
	n     int64
}

// Read implements io.Reader. The last bytes of a file that is not what was
// frozen are held back: who counts them sees that it is not whole.
func (v *verified) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.n += int64(n)
	_, _ = v.hash.Write(p[:n])
	if v.n >= v.entry.Size || errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(v.hash.Sum(nil)); v.n != v.entry.Size || got != v.entry.SHA256 {
			return 0, models.Errorf(models.KindConflict, "%s is not what was registered: %d bytes with SHA-256 %s, the manifest says %d with %s",
				v.entry.Path, v.n, got, v.entry.Size, v.entry.SHA256)
		}
	}
	return n, err
}

// Close implements io.Closer.
func (v *verified) Close() error { return v.r.Close() }

// Part reads some bytes of a manifest's entry, which it does not verify. The
// caller closes.
func (s *Service) Part(ctx context.Context, e models.ManifestEntry, offset, length int64) (io.ReadCloser, error) {
	r, _, err := s.blobs.Get(ctx, e.Key, offset, length)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.Path, err)
	}
	return r, nil
}

// Materialize writes a manifest's files into a folder that is there, verified.
func (s *Service) Materialize(ctx context.Context, m models.Manifest, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the folder for a version's files: %w", err)
	}
	defer func() { _ = root.Close() }()
	for _, e := range m.Entries {
		if err := s.write(ctx, root, e); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) write(ctx context.Context, root *os.Root, e models.ManifestEntry) (err error) {
	if err := blob.CheckKey(e.Path); err != nil {
		return err
	}
	r, err := s.Open(ctx, e)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if err := root.MkdirAll(path.Dir(e.Path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", e.Path, err)
	}
	f, err := root.OpenFile(e.Path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", e.Path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, contextReader{ctx, r}); err != nil {
		return fmt.Errorf("write %s: %w", e.Path, err)
	}
	return nil
}

type contextReader struct {
	ctx context.Context //nolint:containedctx // io.Reader has no room for it
	io.Reader
}

// Read implements io.Reader.
func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// VersionFile finds a file of a version by its path in the manifest. Where the
// bytes are not what was registered, it is a conflict here, or the last read of
// the whole file fails with one.
func (s *Service) VersionFile(ctx context.Context, versionID int64, name string) (File, error) {
	name, err := fileBelow(name)
	if err != nil {
		return File{}, err
	}
	m, err := s.Manifest(ctx, versionID)
	if err != nil {
		return File{}, err
	}
	e, ok := m.Find(name)
	if !ok {
		return File{}, models.Errorf(models.KindNotFound, "No such artifact: '%s'", name)
	}
	for {
		o, err := s.cited(ctx, e)
		if err == nil {
			return File{Name: path.Base(name), Size: o.Size, SHA256: e.SHA256, Modified: o.Modified, key: e.Key, entry: &e, blobs: s.blobs, ctx: ctx}, nil
		}
		if !models.IsKind(err, models.KindConflict) {
			return File{}, err
		}
		now, found := s.moved(ctx, versionID, e)
		if !found {
			return File{}, err
		}
		e = now
	}
}

// cited looks whether an entry's bytes still are what was recorded of them,
// without reading them.
func (s *Service) cited(ctx context.Context, e models.ManifestEntry) (blob.Object, error) {
	o, err := s.blobs.Stat(ctx, e.Key)
	if models.IsKind(err, models.KindNotFound) {
		return o, gone(e).Because(err)
	}
	if err != nil || reserved(e.Key) && o.Size == e.Size {
		return o, err
	}
	var recorded []models.Artifact
	if err := s.db.Look(ctx, func(tx storage.Tx) (err error) {
		recorded, err = tx.Artifacts().Under(e.Key)
		return err
	}); err != nil {
		return o, err
	}
	known := len(recorded) > 0 && recorded[0].Key == e.Key
	if o.Size != e.Size || known && (recorded[0].SHA256 != e.SHA256 || !unchanged(recorded[0], o)) {
		return o, models.Errorf(models.KindConflict, "%s is not what was registered: it was changed in the artifact store", e.Path)
	}
	return o, nil
}

func gone(e models.ManifestEntry) *models.Error {
	return models.Errorf(models.KindConflict, "%s: its bytes are no longer in the artifact store", e.Path)
}

// moved gives an entry as the manifest has it now, where its bytes have got a
// name of their own since it was read.
func (s *Service) moved(ctx context.Context, versionID int64, e models.ManifestEntry) (models.ManifestEntry, bool) {
	var entries []models.ManifestEntry
	if s.db.View(ctx, func(tx storage.Tx) (err error) {
		entries, err = tx.Manifests().Get(versionID)
		return err
	}) != nil {
		return e, false
	}
	now, ok := models.Manifest{Entries: entries}.Find(e.Path)
	return now, ok && now.Key != e.Key
}

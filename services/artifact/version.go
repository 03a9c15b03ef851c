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
		return nil, models.Errorf(models.KindConflict, "%s: its bytes are no longer in the artifact store", e.Path).Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", e.Path, err)
	}
	return &verified{r: r, entry: e, hash: sha256.New()}, nil
}

type verified struct {
	r     io.ReadCloser
	entry models.ManifestEntry
	hash  hash.Hash
	n     int64
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.n += int64(n)
	_, _ = v.hash.Write(p[:n])
	if v.n > v.entry.Size || errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(v.hash.Sum(nil)); v.n != v.entry.Size || got != v.entry.SHA256 {
			return n, models.Errorf(models.KindConflict, "%s is not what was registered: %d bytes with SHA-256 %s, the manifest says %d with %s",
				v.entry.Path, v.n, got, v.entry.Size, v.entry.SHA256)
		}
	}
	return n, err
}

// Close implements io.Closer.
func (v *verified) Close() error { return v.r.Close() }

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

// VersionFile finds a file of a version by its path in the manifest.
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
	o, err := s.blobs.Stat(ctx, e.Key)
	if err != nil {
		return File{}, err
	}
	return File{Name: path.Base(name), Size: o.Size, SHA256: e.SHA256, Modified: o.Modified, key: e.Key, blobs: s.blobs, ctx: ctx}, nil
}

package dataset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// writers bounds how many files are written at once.
const writers = 8

// Prefix is the folder of the artifact store that holds data sets' blobs.
const Prefix = ".slipway/datasets"

func key(sha string) string { return Prefix + "/" + sha[:2] + "/" + sha }

// Upload keeps the bytes of one digest of a version that is being pushed.
// Bytes that are not what the manifest says are refused and nothing is kept.
func (s *Service) Upload(ctx context.Context, ref models.DatasetRef, sha string, r io.Reader) error {
	if !digestForm.MatchString(sha) {
		return models.Errorf(models.KindInvalid, "digest: %q is no SHA-256 in lower-case hex", sha)
	}
	var file models.DatasetFile
	var stored bool
	err := s.DB.View(ctx, func(tx storage.Tx) error {
		v, err := tx.Datasets().Version(ref)
		if err != nil {
			return err
		}
		if file, stored, err = tx.Datasets().Blob(v.ID, sha); err != nil || stored {
			return err
		}
		doomed, err := tx.Purge().Doomed(key(sha))
		if doomed {
			return models.Errorf(models.KindUnavailable, "slipway gc is removing what was left of an earlier push of these bytes: send them again")
		}
		return err
	})
	if err != nil || stored {
		return err
	}
	seen, err := s.put(ctx, file, verify(r, sha))
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Datasets().Stored(sha, seen) })
}

// put stores a file, and looks at a picture while it is at hand. Where there is
// no room to, the commit looks at it.
func (s *Service) put(ctx context.Context, f models.DatasetFile, body io.Reader) (seen models.ImageFacts, err error) {
	b := s.bounded()
	if !isImage(f) || f.Size > maxPicture || !b.buffered.TryAcquire(f.Size) {
		_, err = s.Blobs.Put(ctx, key(f.SHA256), body, f.Size)
		return seen, err
	}
	defer b.buffered.Release(f.Size)
	data := bytes.NewBuffer(make([]byte, 0, f.Size))
	if _, err = s.Blobs.Put(ctx, key(f.SHA256), io.TeeReader(io.LimitReader(body, f.Size+1), data), f.Size); err != nil {
		return seen, err
	}
	return b.see(data.Bytes()), nil
}

// Read opens a file of a data set; at its end the bytes have been held
// against the digest. It comes from this machine's cache where it is there. The
// caller closes.
func (s *Service) Read(ctx context.Context, f models.DatasetFile) (io.ReadCloser, error) {
	if s.Near || s.Cache == nil {
		return s.fetch(ctx, f)
	}
	if body, ok := s.Cache.Get(f.SHA256); ok {
		return body, nil
	}
	body, err := s.fetch(ctx, f)
	if err != nil {
		return nil, err
	}
	return s.Cache.Keep(f.SHA256, f.Size, body), nil
}

// fetch reads a file from the store.
func (s *Service) fetch(ctx context.Context, f models.DatasetFile) (io.ReadCloser, error) {
	body, _, err := s.Blobs.Get(ctx, key(f.SHA256), 0, -1)
	if err != nil {
		return nil, fmt.Errorf("open %s of the data set: %w", f.Path, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{verify(body, f.SHA256), body}, nil
}

// onDisk opens a file for reading here and there: from the cache, else from a
// copy without a name, which is gone with the file. The caller calls what it
// gets.
func (s *Service) onDisk(ctx context.Context, f models.DatasetFile) (*os.File, func(), error) {
	if s.Cache != nil {
		if file, ok := s.cached(ctx, f); ok {
			return file, func() { _ = file.Close() }, nil
		}
	}
	file, err := os.CreateTemp("", "slipway-dataset-")
	if err != nil {
		return nil, nil, fmt.Errorf("copy %s: %w", f.Path, err)
	}
	done := func() { _ = file.Close() }
	if err := errors.Join(os.Remove(file.Name()), s.copyTo(ctx, f, file)); err != nil {
		done()
		return nil, nil, err
	}
	return file, done, nil
}

func (s *Service) cached(ctx context.Context, f models.DatasetFile) (*os.File, bool) {
	if file, ok := s.Cache.File(f.SHA256); ok {
		return file, true
	}
	body, err := s.fetch(ctx, f)
	if err != nil {
		return nil, false // the copy tells
	}
	kept := s.Cache.Keep(f.SHA256, f.Size, body)
	if _, err = io.Copy(io.Discard, kept); errors.Join(err, kept.Close()) != nil {
		return nil, false
	}
	return s.Cache.File(f.SHA256)
}

func (s *Service) copyTo(ctx context.Context, f models.DatasetFile, w io.Writer) error {
	body, err := s.Read(ctx, f)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	_, err = io.Copy(w, body)
	return err
}

// Materialize writes a version's files below a folder, several at once.
func (s *Service) Materialize(ctx context.Context, ref models.DatasetRef, dir string) error {
	files, err := s.Files(ctx, ref)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for _, f := range files {
		group.Go(func() error { return s.write(ctx, f, filepath.Join(dir, filepath.FromSlash(f.Path))) })
	}
	return group.Wait()
}

func (s *Service) write(ctx context.Context, f models.DatasetFile, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return fmt.Errorf("make the data set's folder: %w", err)
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640) //nolint:gosec // a checked path below dir
	if err != nil {
		return fmt.Errorf("write the data set: %w", err)
	}
	return errors.Join(s.copyTo(ctx, f, out), out.Close())
}

// verifier fails at the end of a stream that is not what its digest says.
type verifier struct {
	r    io.Reader
	hash hash.Hash
	want string
}

func verify(r io.Reader, sha string) io.Reader { return &verifier{r: r, hash: sha256.New(), want: sha} }

// Read implements io.Reader.
func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if got := hex.EncodeToString(v.hash.Sum(nil)); got != v.want {
			return n, models.Errorf(models.KindInvalid, "the bytes have the digest sha256:%s, not sha256:%s: send them again", got, v.want)
		}
	}
	return n, err
}

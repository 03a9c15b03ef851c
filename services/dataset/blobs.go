package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

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
	if _, err := s.Blobs.Put(ctx, key(sha), verify(r, sha), file.Size); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Datasets().Stored(sha) })
}

// Read opens a file of a data set; at its end the bytes have been held
// against the digest. The caller closes.
func (s *Service) Read(ctx context.Context, f models.DatasetFile) (io.ReadCloser, error) {
	body, _, err := s.Blobs.Get(ctx, key(f.SHA256), 0, -1)
	if err != nil {
		return nil, fmt.Errorf("open %s of the data set: %w", f.Path, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{verify(body, f.SHA256), body}, nil
}

// Materialize writes a version's files below a folder.
func (s *Service) Materialize(ctx context.Context, ref models.DatasetRef, dir string) error {
	files, err := s.Files(ctx, ref)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := s.write(ctx, f, filepath.Join(dir, filepath.FromSlash(f.Path))); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) write(ctx context.Context, f models.DatasetFile, target string) error {
	body, err := s.Read(ctx, f)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return fmt.Errorf("make the data set's folder: %w", err)
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640) //nolint:gosec // a checked path below dir
	if err != nil {
		return fmt.Errorf("write the data set: %w", err)
	}
	_, err = io.Copy(out, body)
	return errors.Join(err, out.Close())
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

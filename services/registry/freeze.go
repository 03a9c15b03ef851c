package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// listed gives what stands in a source's folder; a source that is one file is
// a version of that file alone.
func (s *Service) listed(ctx context.Context, src source) (files []blob.Object, err error) {
	if src.folder == "" {
		return nil, nil
	}
	if o, err := s.Blobs.Stat(ctx, src.folder); err == nil {
		return []blob.Object{o}, nil
	}
	err = s.Blobs.Walk(ctx, src.folder, func(o blob.Object) error {
		files = append(files, o)
		return nil
	})
	return files, err
}

// entries makes a version's manifest of files. The digest is what was recorded
// when the file came through us, if it has not changed since; in the same
// transaction, so that an upload that replaces it keeps these bytes.
func (src source) entries(tx storage.Tx, files []blob.Object) ([]models.ManifestEntry, error) {
	if src.copied != 0 {
		if _, err := tx.Versions().Get(src.copied); err != nil {
			return nil, err
		}
		return tx.Manifests().Get(src.copied)
	}
	if len(files) == 0 {
		return nil, nil
	}
	recorded, err := tx.Artifacts().Under(src.folder)
	if err != nil {
		return nil, err
	}
	known := make(map[string]models.Artifact, len(recorded))
	for _, a := range recorded {
		known[a.Key] = a
	}
	// A file that a URL which was given out can still replace is cited by a
	// copy of its own.
	var writable map[string]bool
	if src.direct {
		if writable, err = tx.Artifacts().Writable(src.folder); err != nil {
			return nil, err
		}
	}
	entries := make([]models.ManifestEntry, len(files))
	for i, o := range files {
		e := models.ManifestEntry{Path: strings.TrimPrefix(o.Key, src.folder+"/"), Size: o.Size, Key: o.Key}
		if o.Key == src.folder {
			e.Path = path.Base(o.Key)
		}
		if a, ok := known[o.Key]; ok && !writable[o.Key] && a.Is(o.Size, o.ETag, o.Modified) {
			e.SHA256 = a.SHA256
		}
		entries[i] = e
	}
	return entries, nil
}

// stays refuses files that gc is removing, or has removed since they were
// listed: of a run that is no more.
func stays(tx storage.Tx, in NewVersion, src source, roots models.ArtifactRoots, m models.Manifest) error {
	if len(m.Entries) == 0 || src.copied != 0 {
		return nil
	}
	doomed, err := tx.Purge().Doomed(src.folder)
	if doomed {
		return models.Errorf(models.KindConflict, "the files at %s are being removed by slipway gc: log the model anew", src.uri)
	}
	if err == nil && m.Digest == "" {
		_, err = resolve(tx, in, roots)
	}
	return err
}

// Hash is the job that freezes the files of a version that did not come
// through us.
type Hash struct{ *Service }

// Kind implements job.Worker.
func (Hash) Kind() string { return models.JobHash }

// Timeout implements job.Worker: 50 GB from a slow disk.
func (Hash) Timeout() time.Duration { return 2 * time.Hour }

// Work implements job.Worker. Each file is copied to a name that nobody else
// writes and hashed there; those that have a digest are passed over.
func (h Hash) Work(ctx context.Context, j job.Job) error {
	var args versionArgs
	if err := j.Decode(&args); err != nil {
		return err
	}
	for {
		entries, err := h.unsealed(ctx, args.VersionID)
		if models.IsKind(err, models.KindNotFound) {
			return nil // deleted since
		}
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return h.DB.InTx(ctx, func(tx storage.Tx) error { return sealed(tx, args) })
		}
		for _, e := range entries { // one whose bytes are moved meanwhile comes again
			if err := h.seal(ctx, args.VersionID, e); err != nil {
				return err
			}
		}
	}
}

// unsealed gives a version's entries that have no digest yet.
func (h Hash) unsealed(ctx context.Context, versionID int64) (entries []models.ManifestEntry, err error) {
	err = h.DB.View(ctx, func(tx storage.Tx) error {
		v, err := tx.Versions().Get(versionID)
		if err != nil || v.Files != models.FilesHashing {
			return err
		}
		entries, err = tx.Manifests().Get(v.ID)
		return err
	})
	return slices.DeleteFunc(entries, func(e models.ManifestEntry) bool { return e.SHA256 != "" }), err
}

func (h Hash) seal(ctx context.Context, versionID int64, e models.ManifestEntry) error {
	name := sha256.Sum256([]byte(e.Path))
	kept := fmt.Sprintf("%s/versions/%d/%s", blob.Reserved, versionID, hex.EncodeToString(name[:]))
	from := e.Key
	if err := h.Blobs.Copy(ctx, from, kept); err != nil {
		return fmt.Errorf("keep %s: %w", e.Path, err)
	}
	r, o, err := h.Blobs.Get(ctx, kept, 0, -1)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	hash := sha256.New()
	for err == nil {
		if err = ctx.Err(); err == nil {
			_, err = io.CopyN(hash, r, 1<<20)
		}
	}
	if !errors.Is(err, io.EOF) {
		return fmt.Errorf("hash %s: %w", e.Path, err)
	}
	e.Key, e.Size, e.SHA256 = kept, o.Size, hex.EncodeToString(hash.Sum(nil))
	return h.DB.InTx(ctx, func(tx storage.Tx) error { return tx.Manifests().Seal(versionID, from, e) })
}

// sealed freezes a version all of whose files have digests, once.
func sealed(tx storage.Tx, args versionArgs) error {
	v, err := tx.Versions().Get(args.VersionID)
	if models.IsKind(err, models.KindNotFound) || err == nil && v.Files != models.FilesHashing {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := tx.Manifests().Get(v.ID)
	if err != nil {
		return err
	}
	if err := tx.Versions().SetFiles(v.ID, models.FilesFrozen, models.NewManifest(entries).Digest); err != nil {
		return err
	}
	return tx.Enqueue(models.JobVersionRegistered, args)
}

package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dataset/cache"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Service keeps data sets.
type Service struct {
	DB    storage.DB
	Blobs blob.Store
	Cache *cache.Folder // of files of the store, on this machine; nil: none
	Near  bool          // Blobs is on this machine: files are read from it, and copied only for what cannot stream

	once   sync.Once
	bounds *bounds
}

// The bounds of a manifest.
const (
	maxFiles = 500_000
	maxPath  = 1024
	maxLabel = 16 << 20 // bytes of one label file, or of data.yaml
)

var (
	nameForm   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Create adds a data set without versions.
func (s *Service) Create(ctx context.Context, name, description string) (models.Dataset, error) {
	if !nameForm.MatchString(name) {
		return models.Dataset{}, models.Errorf(models.KindInvalid,
			"name: %q cannot name a data set: letters, digits, '.', '_' and '-', a letter or a digit first, at most 128", name)
	}
	if strings.ContainsRune(description, 0) {
		return models.Dataset{}, models.Errorf(models.KindInvalid, "description: a NUL character has no place here")
	}
	var set models.Dataset
	err := s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		if set, err = tx.Datasets().Create(name, description); err != nil {
			return err
		}
		return tx.Audit(models.AuditRecord{Action: "dataset.created", Reason: "data set " + name + " created"})
	})
	return set, err
}

// Get finds a data set by name.
func (s *Service) Get(ctx context.Context, name string) (set models.Dataset, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		set, err = tx.Datasets().Get(name)
		return err
	})
	return set, err
}

// List gives data sets by name, after one.
func (s *Service) List(ctx context.Context, after string, limit int) (sets []models.Dataset, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		sets, err = tx.Datasets().List(after, limit)
		return err
	})
	return sets, err
}

// Begin starts a push, or resumes the one of the same manifest: it gives the
// version, and the files whose bytes are missing.
func (s *Service) Begin(ctx context.Context, name string, files []models.DatasetFile, settings models.DatasetSettings) (models.DatasetVersion, []models.DatasetFile, error) {
	files = slices.Clone(files)
	if err := checkManifest(files); err != nil {
		return models.DatasetVersion{}, nil, err
	}
	if err := checkSettings(settings); err != nil {
		return models.DatasetVersion{}, nil, err
	}
	var v models.DatasetVersion
	var missing []models.DatasetFile
	err := s.DB.InTx(ctx, func(tx storage.Tx) error {
		set, err := tx.Datasets().Get(name)
		if err != nil {
			return err
		}
		digest := manifestDigest(files, settings)
		v, err = tx.Datasets().VersionByDigest(set.ID, digest)
		if models.IsKind(err, models.KindNotFound) {
			v = models.DatasetVersion{DatasetID: set.ID, Dataset: name, Digest: digest, Settings: settings, Files: int64(len(files))}
			for _, f := range files {
				v.Bytes += f.Size
			}
			v, err = tx.Datasets().AddVersion(v, files)
		}
		if err != nil {
			return err
		}
		missing, err = tx.Datasets().Missing(v.ID)
		return err
	})
	return v, missing, err
}

// checkManifest sorts a manifest and names each entry that cannot be kept.
func checkManifest(files []models.DatasetFile) error {
	if len(files) == 0 || len(files) > maxFiles {
		return models.Errorf(models.KindInvalid, "files: a version has 1 to %d files, not %d", maxFiles, len(files))
	}
	slices.SortFunc(files, byPath)
	var faults list
	sizes := map[string]int64{}
	for i, f := range files {
		switch size, seen := sizes[f.SHA256]; {
		case !cleanPath(f.Path):
			faults.add(f.Path, "the path must be relative, with single slashes, without . or .. elements, at most %d bytes", maxPath)
		case i > 0 && f.Path == files[i-1].Path:
			faults.add(f.Path, "the path stands in the manifest twice")
		case !digestForm.MatchString(f.SHA256):
			faults.add(f.Path, "the digest %q is no SHA-256 in lower-case hex", f.SHA256)
		case f.Size < 0 || (seen && size != f.Size):
			faults.add(f.Path, "the size %d cannot be: it is negative, or another file of the same digest has another", f.Size)
		}
		sizes[f.SHA256] = f.Size
		files[i].Tags = sortedTags(f.Tags)
		for _, tag := range f.Tags {
			if fault := faultOf(tag); fault != "" {
				faults.add(f.Path, "%q is no tag: %s", tag, fault)
			}
		}
	}
	return faults.err("the manifest cannot be kept")
}

func cleanPath(p string) bool {
	return p != "" && len(p) <= maxPath && path.Clean(p) == p && !path.IsAbs(p) && p != "." && p != ".." &&
		!strings.HasPrefix(p, "../") && !strings.ContainsAny(p, "\x00\\") && strings.ToValidUTF8(p, "") == p
}

// checkSettings names what cannot be said of a version.
func checkSettings(s models.DatasetSettings) error {
	if s.Format != "" && s.Format.Task() == "" {
		return models.Errorf(models.KindInvalid, "format: %q is none of %s", s.Format, formatNames())
	}
	for _, field := range s.TagFields {
		if fault := faultOf(field); fault != "" || strings.Contains(field, "=") {
			return models.Errorf(models.KindInvalid, "tag_fields: %q is no name of a field", field)
		}
	}
	return nil
}

// manifestDigest is over the sorted paths, digests and tags: each entry is its
// path, a NUL, its digest, a tab before each tag, and a NUL, none of which a
// path, a digest or a tag can hold. Settings stand behind an empty path.
func manifestDigest(files []models.DatasetFile, settings models.DatasetSettings) string {
	h := sha256.New()
	for _, f := range files {
		h.Write([]byte(f.Path + "\x00" + strings.Join(append([]string{f.SHA256}, f.Tags...), "\t") + "\x00"))
	}
	if settings.Format != "" || len(settings.TagFields) > 0 {
		h.Write([]byte("\x00" + strings.Join(append([]string{string(settings.Format)}, settings.TagFields...), "\t") + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Version finds a version and, while it is not committed, what is missing.
func (s *Service) Version(ctx context.Context, ref models.DatasetRef) (v models.DatasetVersion, missing []models.DatasetFile, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		if v, err = tx.Datasets().Version(ref); err != nil || v.State == models.DatasetCommitted {
			return err
		}
		missing, err = tx.Datasets().Missing(v.ID)
		return err
	})
	return v, missing, err
}

// Versions lists a data set's versions, newest first, from below a number.
func (s *Service) Versions(ctx context.Context, name string, below int64, limit int) (versions []models.DatasetVersion, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		set, err := tx.Datasets().Get(name)
		if err != nil {
			return err
		}
		versions, err = tx.Datasets().Versions(set.ID, below, limit)
		return err
	})
	return versions, err
}

// Files lists a version's files in the order of paths.
func (s *Service) Files(ctx context.Context, ref models.DatasetRef) (files []models.DatasetFile, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		v, err := tx.Datasets().Version(ref)
		if err != nil {
			return err
		}
		files, err = tx.Datasets().Files(v.ID)
		return err
	})
	slices.SortFunc(files, byPath)
	return files, err
}

package artifact

import (
	"context"
	"io"
	"path"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Root is where a run or a logged model keeps its artifacts.
type Root struct {
	URI string
	key string
}

// RunRoot finds a run's artifacts.
func (s *Service) RunRoot(ctx context.Context, runID string) (root Root, err error) {
	err = s.db.View(ctx, func(tx storage.Tx) error {
		run, err := tx.Runs().Find(runID)
		root.URI = run.ArtifactURI
		return err
	})
	if err != nil {
		return root, err
	}
	return root.served(s.Roots)
}

// LoggedModelRoot finds a logged model's artifacts.
func (s *Service) LoggedModelRoot(ctx context.Context, id string) (root Root, err error) {
	err = s.db.View(ctx, func(tx storage.Tx) error {
		m, err := tx.LoggedModels().Find(id)
		root.URI = m.ArtifactURI
		return err
	})
	if err != nil {
		return root, err
	}
	return root.served(s.Roots)
}

// RootAt is where the artifacts of a URI are.
func (s *Service) RootAt(uri string) (Root, error) { return Root{URI: uri}.served(s.Roots) }

func (r Root) served(roots models.ArtifactRoots) (Root, error) {
	key, ok := keyOf(r.URI, roots)
	if !ok {
		return r, models.Errorf(models.KindInvalid, "the artifacts are at %s, which this server does not serve: read them there", r.URI)
	}
	r.key = key
	return r, nil
}

// ListIn lists a folder below a root. The names of entries are paths from the
// root, as MLflow gives them.
func (s *Service) ListIn(ctx context.Context, root Root, folder string) ([]Entry, error) {
	below, err := folderBelow(folder)
	if err != nil {
		return nil, err
	}
	entries, err := s.blobs.List(ctx, path.Join(root.key, below))
	for i := range entries {
		entries[i].Name = path.Join(below, entries[i].Name)
	}
	return entries, err
}

// FileIn finds a file below a root.
func (s *Service) FileIn(ctx context.Context, root Root, name string) (File, error) {
	below, err := fileBelow(name)
	if err != nil {
		return File{}, err
	}
	return s.file(ctx, root.key+"/"+below)
}

// PutIn stores a file below a root, as Put does.
func (s *Service) PutIn(ctx context.Context, root Root, name string, r io.Reader, size int64) (models.Artifact, error) {
	below, err := fileBelow(name)
	if err != nil {
		return models.Artifact{}, err
	}
	return s.Put(ctx, root.key+"/"+below, r, size)
}

package artifact

import (
	"context"
	"crypto/rand"
	"hash/fnv"
	"sync"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Service keeps artifacts. All its methods may be called concurrently.
type Service struct {
	// Roots are the addresses that mean this store.
	Roots models.ArtifactRoots

	db    storage.DB
	blobs blob.Store

	// Replacing a path's bytes and recording their digest are two steps; who
	// does both holds the path: this lock of it, which uploads of other paths
	// share rarely, and then the database's, which other servers know.
	locks [64]sync.Mutex
}

// New makes a Service on a database and a store.
func New(db storage.DB, blobs blob.Store) *Service { return &Service{db: db, blobs: blobs} }

func (s *Service) lock(key string) *sync.Mutex {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return &s.locks[h.Sum32()%uint32(len(s.locks))]
}

// hold keeps others, on any server, from replacing what stands at a path.
func (s *Service) hold(ctx context.Context, key string) (release func(), err error) {
	mu := s.lock(key)
	mu.Lock()
	there, err := s.db.Hold(ctx, key)
	if err != nil {
		mu.Unlock()
		return nil, err
	}
	return func() {
		there()
		mu.Unlock()
	}, nil
}

// holdAll keeps every upload on any server from ending.
func (s *Service) holdAll(ctx context.Context) (release func(), err error) {
	for i := range s.locks {
		s.locks[i].Lock()
	}
	unlock := func() {
		for i := range s.locks {
			s.locks[i].Unlock()
		}
	}
	there, err := s.db.Hold(ctx, "")
	if err != nil {
		unlock()
		return nil, err
	}
	return func() {
		there()
		unlock()
	}, nil
}

// keep makes what stands at or under a path free to be replaced: digests
// recorded for it are forgotten, and bytes that a manifest cites get a name of
// their own, which the manifest reads from then on. A crash at any point
// leaves every manifest with its bytes.
func (s *Service) keep(ctx context.Context, path string) error {
	var cited []models.ManifestEntry
	var recorded []models.Artifact
	look := func(tx storage.Tx) (err error) {
		if recorded, err = tx.Artifacts().Under(path); err == nil {
			cited, err = tx.Manifests().Cited(path)
		}
		return err
	}
	if err := s.db.View(ctx, look); err != nil || len(recorded)+len(cited) == 0 {
		return err
	}
	// With its record gone no new manifest can cite a file by digest.
	if err := s.db.InTx(ctx, func(tx storage.Tx) error {
		if err := look(tx); err != nil {
			return err
		}
		return tx.Artifacts().Forget(path)
	}); err != nil {
		return err
	}
	if len(cited) == 0 {
		return nil
	}
	for _, e := range cited {
		for again, moved := false, false; !moved; again = true {
			to, err := s.copyOff(ctx, e, recorded, again)
			if models.IsKind(err, models.KindNotFound) {
				break // bytes that are gone already cannot be kept
			}
			if err != nil {
				return err
			}
			if moved, err = s.move(ctx, e, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// move lets manifests read an entry's bytes at another key, unless gc, here or
// on another server, is about to remove what stands there.
func (s *Service) move(ctx context.Context, e models.ManifestEntry, to string) (moved bool, err error) {
	err = s.db.InTx(ctx, func(tx storage.Tx) error {
		manifests := tx.Manifests() // waits for a gc that is choosing
		doomed, err := tx.Purge().Doomed(to)
		if moved = !doomed; err != nil || doomed {
			return err
		}
		return manifests.Move(e.Key, e.SHA256, to)
	})
	return moved, err
}

// copyOff copies an entry's bytes under their digest, or, where they may have
// been changed past us or that is not to be had, under a name of their own.
func (s *Service) copyOff(ctx context.Context, e models.ManifestEntry, recorded []models.Artifact, fresh bool) (string, error) {
	o, err := s.blobs.Stat(ctx, e.Key)
	if err != nil {
		return "", err
	}
	to := blob.Reserved + "/kept/" + rand.Text()
	for _, a := range recorded {
		if !fresh && a.Key == e.Key && a.SHA256 == e.SHA256 && unchanged(a, o) {
			to = blob.Reserved + "/sha256/" + e.SHA256[:2] + "/" + e.SHA256
			if _, err := s.blobs.Stat(ctx, to); err == nil {
				return to, nil
			}
		}
	}
	return to, s.blobs.Copy(ctx, e.Key, to)
}

// unchanged tells whether an object is still the one that was recorded.
func unchanged(a models.Artifact, o blob.Object) bool { return a.Is(o.Size, o.ETag, o.Modified) }

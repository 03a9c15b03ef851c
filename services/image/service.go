package image

import (
	"context"
	"io"
	"sync"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Files reads the files of model versions.
type Files interface {
	// Manifest lists a version's files.
	Manifest(ctx context.Context, versionID int64) (models.Manifest, error)
	// Open reads one of them, and fails at its end where its digest differs.
	Open(ctx context.Context, e models.ManifestEntry) (io.ReadCloser, error)
}

// Config is what a Service needs.
type Config struct {
	DB         storage.DB
	Blobs      blob.Store
	Files      Files
	RuntimeDir string // of slipway-serve and libonnxruntime.so
	Dpkg       string // dpkg's database; "" for /var/lib/dpkg
}

// Service builds images and knows those that were built.
type Service struct {
	Config
	locks  locks
	index  sync.Mutex
	builds sync.RWMutex // held for writing while blobs that no image needs are removed
}

// Paused runs fn while no image is built by this server, and tells whether it
// did: where one is being built now, fn does not run.
func (s *Service) Paused(fn func() error) (bool, error) {
	if !s.builds.TryLock() {
		return false, nil
	}
	defer s.builds.Unlock()
	return true, fn()
}

// New makes a Service.
func New(c Config) *Service {
	if c.Dpkg == "" {
		c.Dpkg = "/var/lib/dpkg"
	}
	return &Service{Config: c}
}

// Request asks for the image of a version that passed its validation. The
// answer is the image there is, or one in the making. A version that did not
// pass is a conflict, and so is one whose model has no pipeline.
func (s *Service) Request(ctx context.Context, model string, version int64) (models.Image, error) {
	var v models.Version
	err := s.DB.View(ctx, func(tx storage.Tx) (err error) {
		if v, err = tx.Versions().ByNumber(model, version); err != nil {
			return err
		}
		return validated(tx, v)
	})
	if err != nil {
		return models.Image{}, err
	}
	p, err := s.plan(ctx, v.ID)
	if err != nil {
		return models.Image{}, err
	}
	img, done, err := s.ensure(ctx, p)
	if err != nil || done {
		return img, err
	}
	if img.State.Final() {
		img.State, img.Reason = models.ImagePending, ""
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		if err := tx.Images().Update(img); err != nil {
			return err
		}
		if err := tx.Audit(models.AuditRecord{Action: "image.requested", Model: model, Version: version}); err != nil {
			return err
		}
		return tx.Enqueue(models.JobBuild, buildArgs{VersionID: v.ID}) // twice does no harm
	})
	return img, err
}

// validated refuses a version that did not pass, unless its model's pipeline
// asks for no validation.
func validated(tx storage.Tx, v models.Version) error {
	pipeline, err := tx.Pipelines().Current(v.ModelID)
	if models.IsKind(err, models.KindNotFound) {
		return models.Errorf(models.KindConflict, "%q has no pipeline: apply one (slipway pipeline apply) and validate version %d first", v.Model, v.Number)
	}
	if err != nil || len(pipeline.Pipeline.Validation.Steps) == 0 {
		return err
	}
	last, err := tx.Validations().Latest(v.ID)
	switch {
	case models.IsKind(err, models.KindNotFound):
		return models.Errorf(models.KindConflict, "version %d of %q has not been validated: run slipway validate first", v.Number, v.Model)
	case err != nil:
		return err
	case !last.State.Final():
		return models.Errorf(models.KindConflict, "version %d of %q is still being validated (validation %d)", v.Number, v.Model, last.ID)
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	if !last.Accepted(now) { // a waiver's end is the promotion's business too
		return models.Errorf(models.KindConflict, "version %d of %q did not pass its validation: it %s (validation %d)", v.Number, v.Model, last.State, last.ID)
	}
	return nil
}

// Get finds an image by its id.
func (s *Service) Get(ctx context.Context, id int64) (img models.Image, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		img, err = tx.Images().Get(id)
		return err
	})
	return img, err
}

// ByDigest finds a ready image by its digest.
func (s *Service) ByDigest(ctx context.Context, digest string) (img models.Image, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		img, err = tx.Images().ByDigest(digest)
		return err
	})
	return img, err
}

// OfVersion lists a version's images, newest first, from below an id (0: the
// newest).
func (s *Service) OfVersion(ctx context.Context, model string, version, below int64, limit int) (list []models.Image, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		v, err := tx.Versions().ByNumber(model, version)
		if err != nil {
			return err
		}
		list, err = tx.Images().OfVersion(v.ID, below, limit)
		return err
	})
	return list, err
}

// locks lets one at a time do what a name stands for.
type locks struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

// take waits for a name, or for ctx to end.
func (l *locks) take(ctx context.Context, name string) (release func(), err error) {
	for {
		l.mu.Lock()
		busy, taken := l.held[name]
		if !taken {
			if l.held == nil {
				l.held = map[string]chan struct{}{}
			}
			done := make(chan struct{})
			l.held[name] = done
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				delete(l.held, name)
				l.mu.Unlock()
				close(done)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

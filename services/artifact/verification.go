package artifact

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/blob"
)

type verificationArgs struct {
	ID int64 `json:"verification_id"`
}

// Verify begins a verification: of a version, of all versions of a model where
// version is 0, or of all where model is "". What is under way is joined.
func (s *Service) Verify(ctx context.Context, model string, version int64) (v models.Verification, err error) {
	err = s.db.InTx(ctx, func(tx storage.Tx) error {
		var scope models.Verification
		switch {
		case model == "" && version != 0:
			return models.Errorf(models.KindInvalid, "version: it needs a model beside it")
		case model != "" && version == 0:
			m, err := tx.RegisteredModels().Get(model)
			if err != nil {
				return err
			}
			scope.ModelID = m.ID
		case model != "":
			found, err := tx.Versions().ByNumber(model, version)
			if err != nil {
				return err
			}
			scope.ModelID, scope.VersionID = found.ModelID, found.ID
		}
		var made bool
		if v, made, err = tx.Verifications().Create(scope); err != nil || !made {
			return err
		}
		return tx.Enqueue(models.JobVerify, verificationArgs{v.ID})
	})
	return v, err
}

// Verification finds one.
func (s *Service) Verification(ctx context.Context, id int64) (v models.Verification, err error) {
	err = s.db.View(ctx, func(tx storage.Tx) error {
		v, err = tx.Verifications().Get(id)
		return err
	})
	return v, err
}

// Verifications gives them newest first, from below an id (0: the newest).
func (s *Service) Verifications(ctx context.Context, below int64, limit int) (list []models.Verification, err error) {
	err = s.db.View(ctx, func(tx storage.Tx) error {
		list, err = tx.Verifications().List(below, limit)
		return err
	})
	return list, err
}

// Verifier is the job that reads files again.
type Verifier struct {
	*Service
	Log *slog.Logger
}

// Kind implements job.Worker.
func (Verifier) Kind() string { return models.JobVerify }

// Timeout implements job.Worker: terabytes take their time.
func (Verifier) Timeout() time.Duration { return 24 * time.Hour }

// Work implements job.Worker. After a crash it goes on after the last file that
// it noted.
func (w Verifier) Work(ctx context.Context, j job.Job) error {
	var args verificationArgs
	if err := j.Decode(&args); err != nil {
		return err
	}
	v, err := w.Verification(ctx, args.ID)
	if err != nil || v.State.Final() {
		return err
	}
	r := &reread{Service: w.Service, v: v}
	err = r.run(ctx)
	if err != nil && ctx.Err() != nil {
		return err // the server stops; the next one goes on
	}
	switch {
	case err != nil:
		w.Log.WarnContext(ctx, "a verification ended early", "verification_id", v.ID, "error", err)
		r.v.State, r.v.Reason = models.VerificationErrored, "it ended early: "+models.Reason(err)
	case r.v.Report.Missing+r.v.Report.Changed > 0:
		r.v.State = models.VerificationFailed
		r.v.Reason = fmt.Sprintf("%d files are missing, %d are changed", r.v.Report.Missing, r.v.Report.Changed)
	default:
		r.v.State, r.v.Progress.Done = models.VerificationPassed, r.v.Progress.Total
	}
	return r.save(context.WithoutCancel(ctx))
}

// reread is one run of a verification.
type reread struct {
	*Service
	v     models.Verification
	since int64 // bytes and files since it was saved, files weighing as many bytes
}

// How often progress is saved, and what a file weighs beside its bytes.
const (
	saveEvery  = 64 << 20
	fileWeight = 1 << 18
)

func (r *reread) run(ctx context.Context) error {
	r.v.State = models.VerificationRunning
	if err := r.db.View(ctx, func(tx storage.Tx) (err error) {
		r.v.Progress.Total, err = tx.Verifications().Bytes(r.v)
		return err
	}); err != nil {
		return err
	}
	if err := r.save(ctx); err != nil {
		return err
	}
	for {
		var ids []int64
		if err := r.db.View(ctx, func(tx storage.Tx) (err error) {
			ids, err = tx.Verifications().Scope(r.v, r.v.Report.Last, 200)
			return err
		}); err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := r.version(ctx, id); err != nil {
				return err
			}
			r.v.Report.Last, r.v.Report.Path = id, ""
		}
	}
}

func (r *reread) save(ctx context.Context) error {
	r.since = 0
	r.v.Progress.Done = r.v.Report.Bytes
	return r.db.InTx(ctx, func(tx storage.Tx) error { return tx.Verifications().Save(r.v) })
}

// version reads the files of one again, from where it was.
func (r *reread) version(ctx context.Context, id int64) error {
	var version models.Version
	var entries []models.ManifestEntry
	err := r.db.View(ctx, func(tx storage.Tx) (err error) {
		if version, err = tx.Versions().Get(id); err == nil {
			entries, err = tx.Manifests().Get(id)
		}
		return err
	})
	if models.IsKind(err, models.KindNotFound) {
		return nil // deleted since
	}
	if err != nil {
		return err
	}
	if version.Files != models.FilesFrozen {
		r.v.Report.Skipped++
		return nil
	}
	for _, e := range entries {
		if e.Path <= r.v.Report.Path {
			continue
		}
		if err := r.file(ctx, version, e); err != nil {
			return err
		}
		r.v.Report.Path = e.Path
		if r.since += e.Size + fileWeight; r.since > saveEvery {
			if err := r.save(ctx); err != nil {
				return err
			}
		}
	}
	r.v.Report.Versions++
	return r.beside(ctx, version, models.Manifest{Entries: entries})
}

// file reads one file. Where it is not what was frozen, it may just have got a
// name of its own.
func (r *reread) file(ctx context.Context, version models.Version, e models.ManifestEntry) error {
	r.v.Report.Files++
	r.v.Report.Bytes += e.Size
	for {
		err := r.read(ctx, e)
		if !models.IsKind(err, models.KindConflict) {
			return err
		}
		if now, moved := r.moved(ctx, version.ID, e); moved {
			e = now
			continue
		}
		kind := models.FileChanged
		if _, statErr := r.blobs.Stat(ctx, e.Key); models.IsKind(statErr, models.KindNotFound) {
			kind = models.FileMissing
		}
		r.v.Report.Add(models.VerificationEntry{Model: version.Model, Version: version.Number, Path: e.Path, Kind: kind, Detail: err.Error()})
		return nil
	}
}

func (r *reread) read(ctx context.Context, e models.ManifestEntry) error {
	body, err := r.Open(ctx, e)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	_, err = io.CopyBuffer(io.Discard, struct{ io.Reader }{contextReader{ctx, body}}, make([]byte, 256<<10))
	return err
}

// beside finds what stands in a version's folder and is none of its files.
func (r *reread) beside(ctx context.Context, version models.Version, m models.Manifest) error {
	folder, ours := keyOf(version.DownloadURI, r.Roots)
	if !ours || len(m.Entries) == 0 {
		return nil
	}
	known := slices.ContainsFunc(m.Entries, func(e models.ManifestEntry) bool { return e.Key == folder })
	if known {
		return nil // a version of one file
	}
	return r.blobs.Walk(ctx, folder, func(o blob.Object) error {
		name := strings.TrimPrefix(o.Key, folder+"/")
		if _, ok := m.Find(name); !ok {
			r.v.Report.Add(models.VerificationEntry{
				Model: version.Model, Version: version.Number, Path: name, Kind: models.FileExtra,
				Detail: "it came after the version was registered",
			})
		}
		return nil
	})
}

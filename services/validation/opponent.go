package validation

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// opponent gives the version that a step compares with, as a subject of the
// same step: what an environment runs, an alias, or a version by number; nil
// where the environment runs nothing or nobody has set the alias.
func (s *Service) opponent(ctx context.Context, of *Subject, against string) (*Subject, error) {
	alias, isAlias := strings.CutPrefix(against, "@")
	number, isVersion := models.ComparedVersion(against)
	if !isAlias && !isVersion {
		return s.champion(ctx, of, against)
	}
	other := *of
	other.Dir = filepath.Join(of.Dir, "champion")
	err := s.DB.View(ctx, func(tx storage.Tx) error {
		if isAlias {
			model, err := tx.RegisteredModels().Get(of.Version.Model)
			if number = model.Aliases[alias]; err != nil || number == 0 {
				return err
			}
		}
		var err error
		other.Version, err = tx.Versions().ByNumber(of.Version.Model, number)
		return err
	})
	if err != nil || number == 0 {
		return nil, err
	}
	other.reuse = s.measured(other.Version.ID)
	if other.Manifest, err = s.Files.Manifest(ctx, other.Version.ID); err != nil {
		return nil, err
	}
	return &other, os.MkdirAll(other.Dir, 0o750)
}

// Kept opens a file that this version's step kept when it was measured under a
// report's key. One that is not there is an error of kind not_found.
func (s *Subject) Kept(ctx context.Context, key, name string) (io.ReadCloser, error) {
	return s.kept(ctx, s.Version.ID, key, name)
}

func (s *Service) kept(ctx context.Context, versionID int64, key, name string) (io.ReadCloser, error) {
	var step models.StepResult
	err := s.DB.View(ctx, func(tx storage.Tx) (err error) {
		step, err = tx.Validations().MeasuredStep(versionID, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	_, body, err := s.Attachment(ctx, step, name)
	return body, err
}

package validation

import (
	"context"
	"io"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// opponent finds the version that a version is compared with: what an
// environment runs, an alias, or a version by number; nil where the environment
// runs nothing or nobody has set the alias.
func opponent(tx storage.Tx, of models.Version, against string) (*models.Version, error) {
	alias, isAlias := strings.CutPrefix(against, "@")
	number, isVersion := models.ComparedVersion(against)
	switch {
	case isAlias:
		model, err := tx.RegisteredModels().Get(of.Model)
		if number = model.Aliases[alias]; err != nil || number == 0 {
			return nil, err
		}
	case !isVersion:
		return stable(tx, of.ModelID, against)
	}
	version, err := tx.Versions().ByNumber(of.Model, number)
	return &version, err
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

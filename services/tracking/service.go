package tracking

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// The limits of MLflow's store.
const (
	maxKey             = 250
	maxExperimentName  = 500
	maxExperimentValue = 20_000
	maxParamValue      = 6_000
	maxTagValue        = 8_000
	maxPage            = 50_000
)

// Service keeps experiments, runs and logged models.
type Service struct {
	DB           storage.DB
	ArtifactRoot string           // of experiments created without a location
	Strict       bool             // refuse long values of params and tags instead of cutting them
	Now          func() time.Time // stamps rows whose client sends no time
	NewID        func() string    // 32 hex digits, never twice
}

// Init gives the first experiment its location. It may run again.
func (s *Service) Init(ctx context.Context) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		e, err := tx.Experiments().Get(models.DefaultExperiment)
		if models.IsKind(err, models.KindNotFound) || (err == nil && e.ArtifactLocation != "") {
			return nil // purged, or done before
		}
		if err != nil {
			return err
		}
		return tx.Experiments().SetLocation(e.ID, s.location(e.ID))
	})
}

func (s *Service) location(experimentID int64) string {
	return models.JoinURI(s.ArtifactRoot, strconv.FormatInt(experimentID, 10))
}

func (s *Service) nowMS() int64 { return s.Now().UnixMilli() }

// cut shortens a value to the limit, as MLflow's server does by default, or
// refuses it.
func (s *Service) cut(field, value string, limit int) (string, error) {
	if len(value) <= limit {
		return value, nil
	}
	if s.Strict {
		return value, models.CheckLength(field, value, limit)
	}
	n := 0
	for i := range value {
		if n == limit {
			return value[:i], nil
		}
		n++
	}
	return value, nil
}

// ParseExperimentID reads an experiment's id, a decimal string on the wire.
func ParseExperimentID(text string) (int64, error) {
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, models.Errorf(models.KindInvalid, "Invalid experiment ID '%.100s'. Experiment ID must be a valid integer.", text)
	}
	return id, nil
}

// ParseExperimentIDs reads several.
func ParseExperimentIDs(texts []string) ([]int64, error) {
	ids := make([]int64, len(texts))
	for i, text := range texts {
		var err error
		if ids[i], err = ParseExperimentID(text); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

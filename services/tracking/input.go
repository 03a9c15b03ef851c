package tracking

import (
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// The limits of an input.
const (
	maxInputs       = 1000
	maxDatasetName  = 500
	maxDigest       = 36
	maxSchema       = 1_048_575
	maxSource       = 65_535
	maxProfile      = 16_777_215
	maxInputTag     = 255
	maxInputTagText = 500
)

// LogInputs links a run to what it read; again is the same.
func (s *Service) LogInputs(ctx context.Context, runID string, datasets []models.DatasetInput, modelIDs []string) error {
	if n := len(datasets) + len(modelIDs); n > maxInputs {
		return models.Errorf(models.KindInvalid, "A batch logging request can contain at most %d datasets. Got %d datasets. Please split up datasets across multiple requests and try again.", maxInputs, n)
	}
	for i, in := range datasets {
		if err := checkInput(fmt.Sprintf("datasets[%d].", i), in); err != nil {
			return err
		}
	}
	return s.changeRun(ctx, runID, func(tx storage.Tx, run models.Run) error {
		if err := tx.Inputs().LogDatasets(run, datasets); err != nil {
			return err
		}
		return tx.Inputs().LogModels(run, modelIDs)
	})
}

func checkInput(at string, in models.DatasetInput) error {
	for _, text := range []struct {
		field, value string
		most         int
	}{
		{"dataset.name", in.Dataset.Name, maxDatasetName},
		{"dataset.digest", in.Dataset.Digest, maxDigest},
		{"dataset.source", in.Dataset.Source, maxSource},
		{"dataset.schema", in.Dataset.Schema, maxSchema},
		{"dataset.profile", in.Dataset.Profile, maxProfile},
	} {
		if err := models.CheckLength(at+text.field, text.value, text.most); err != nil {
			return err
		}
	}
	for i, tag := range in.Tags {
		if err := models.CheckLength(fmt.Sprintf("%stags[%d].key", at, i), tag.Key, maxInputTag); err != nil {
			return err
		}
		if err := models.CheckLength(fmt.Sprintf("%stags[%d].value", at, i), tag.Value, maxInputTagText); err != nil {
			return err
		}
	}
	return nil
}

// LogOutputs links a run to logged models it made; again sets the step.
func (s *Service) LogOutputs(ctx context.Context, runID string, outputs []models.ModelOutput) error {
	return s.changeRun(ctx, runID, func(tx storage.Tx, run models.Run) error {
		return tx.Inputs().LogOutputs(run, outputs)
	})
}

package trace

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// complete checks an assessment and fills what its caller left to us.
func (s *Service) complete(a *models.Assessment) error {
	if a.Name == "" {
		return models.Errorf(models.KindInvalid, "Missing value for required parameter 'assessment.assessment_name'. See the API docs for more information about request parameters.")
	}
	for field, text := range map[string]string{"assessment.assessment_name": a.Name, "assessment.assessment_id": a.ID} {
		if err := models.CheckLength(field, text, maxKey); err != nil {
			return err
		}
	}
	if a.ID == "" {
		a.ID = "a-" + s.NewID()
	}
	now := s.Now().UnixMilli()
	if a.CreatedMS == 0 {
		a.CreatedMS = now
	}
	if a.UpdatedMS == 0 {
		a.UpdatedMS = now
	}
	if run := models.ValueOf(a.Metadata, models.MetaAssessmentRun); run != "" {
		a.RunID = &run
	}
	return nil
}

// Assess stores a new assessment of a trace. One that it overrides is valid no
// more.
func (s *Service) Assess(ctx context.Context, traceID string, a models.Assessment) (models.Assessment, error) {
	if err := s.complete(&a); err != nil {
		return a, err
	}
	a.TraceID = traceID
	err := s.change(ctx, traceID, func(tx storage.Tx, t models.Trace) error {
		switch _, err := tx.Assessments().Find(t.Key, a.ID); {
		case err == nil:
			return models.Errorf(models.KindExists, "Trace '%s' has an assessment with ID '%s': leave assessment_id out for a new one", traceID, a.ID)
		case !models.IsKind(err, models.KindNotFound):
			return err
		}
		if a.Overrides != nil {
			if err := s.setValid(tx, t, *a.Overrides, false); err != nil {
				return err
			}
		}
		return tx.Assessments().Save(t.Key, a)
	})
	return a, err
}

func (s *Service) setValid(tx storage.Tx, t models.Trace, id string, valid bool) error {
	a, err := tx.Assessments().Find(t.Key, id)
	if err != nil {
		return err
	}
	a.Valid = valid
	return tx.Assessments().Save(t.Key, a)
}

// Assessment finds an assessment of a trace.
func (s *Service) Assessment(ctx context.Context, traceID, id string) (a models.Assessment, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		t, err := load(tx, traceID)
		if err != nil {
			return err
		}
		for _, a = range t.Assessments {
			if a.ID == id {
				return nil
			}
		}
		return models.Errorf(models.KindNotFound, "Assessment with ID '%s' not found for trace '%s'", id, traceID)
	})
	return a, err
}

// AssessmentUpdate changes an assessment; nil fields stay.
type AssessmentUpdate struct {
	Name      *string
	Value     *models.Assessment // its type, value and error
	Rationale *string
	Metadata  []models.Tag // added to what is there
	Valid     *bool
}

// Reassess changes an assessment. Its type, source and span stay.
func (s *Service) Reassess(ctx context.Context, traceID, id string, u AssessmentUpdate) (a models.Assessment, err error) {
	err = s.change(ctx, traceID, func(tx storage.Tx, t models.Trace) error {
		if a, err = tx.Assessments().Find(t.Key, id); err != nil {
			return err
		}
		a.TraceID = traceID
		if u.Value != nil && u.Value.Type != a.Type {
			return models.Errorf(models.KindInvalid, "Cannot update %s value on an assessment of type %s.", u.Value.Type, a.Type)
		}
		if u.Value != nil {
			a.Value, a.Error = u.Value.Value, u.Value.Error
		}
		if u.Name != nil {
			a.Name = *u.Name
		}
		if u.Rationale != nil {
			a.Rationale = u.Rationale
		}
		if u.Valid != nil {
			a.Valid = *u.Valid
		}
		for _, m := range u.Metadata {
			a.Metadata = models.WithTag(a.Metadata, m.Key, m.Value)
		}
		a.UpdatedMS = s.Now().UnixMilli()
		if err := s.complete(&a); err != nil {
			return err
		}
		return tx.Assessments().Save(t.Key, a)
	})
	return a, err
}

// Withdraw removes an assessment; one that it overrode is valid again. An
// absent one is no error.
func (s *Service) Withdraw(ctx context.Context, traceID, id string) error {
	return s.change(ctx, traceID, func(tx storage.Tx, t models.Trace) error {
		a, err := tx.Assessments().Find(t.Key, id)
		if models.IsKind(err, models.KindNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if a.Overrides != nil {
			if err := s.setValid(tx, t, *a.Overrides, true); err != nil && !models.IsKind(err, models.KindNotFound) {
				return err
			}
		}
		return tx.Assessments().Delete(t.Key, id)
	})
}

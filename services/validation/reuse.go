package validation

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/storage"
)

// reused gives the report of an earlier step that looked at the same with the
// same check and settings, and notes whose it is; nothing where there is none,
// or where the validation measures anew. Nothing of how that step was judged
// is in it.
func (s *Service) reused(ctx context.Context, v models.Validation, subject *Subject, declared pipeline.Check, result *models.StepResult) (models.Report, error) {
	var none models.Report
	key, err := keyOf(result.Inputs, declared)
	if err != nil {
		return none, err
	}
	result.InputsKey = key
	if key == "" || v.Fresh {
		return none, nil
	}
	var found models.StepResult
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		found, err = tx.Validations().Result(key)
		return unlessGone(err)
	})
	if err != nil || found.ValidationID == 0 {
		return none, err
	}
	report := unjudged(found.Report)
	for i, a := range report.Attachments {
		a.Key = attachmentKey(v.ID, result.Index, a.Name)
		if err := s.Blobs.Copy(ctx, report.Attachments[i].Key, a.Key); err != nil {
			return none, unlessGone(err) // collected meanwhile: measured anew
		}
		report.Attachments[i] = a
	}
	result.ReusedFrom = found.ReusedFrom
	if result.ReusedFrom == 0 {
		result.ReusedFrom = found.ValidationID
	}
	_, _ = fmt.Fprintf(subject.Log, "reused from validation %d: the same model, data, check and settings (--fresh measures anew)\n", result.ReusedFrom)
	return report, nil
}

// unjudged takes what thresholds and comparisons said out of a report.
func unjudged(report models.Report) models.Report {
	report.Verdict = ""
	report.Findings = slices.DeleteFunc(slices.Clone(report.Findings), func(f models.Finding) bool { return f.Judged })
	report.Measurements, report.Attachments = slices.Clone(report.Measurements), slices.Clone(report.Attachments)
	for i := range report.Measurements {
		report.Measurements[i].Threshold, report.Measurements[i].Broken = "", false
	}
	return report
}

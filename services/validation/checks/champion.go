package checks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// compare adds what the champion measures on the same images.
func (d Detection) compare(
	ctx context.Context, s *validation.Subject, settings detectionSettings, set models.DatasetVersion, images []models.LabeledImage, report *models.Report,
) error {
	against := s.Step.Compare.Against
	champion, err := s.Champion(ctx, against)
	if err != nil {
		return err
	}
	if champion == nil {
		report.Findings = append(report.Findings, info(against, "%s runs no version yet: nothing to compare with, which does not block", against))
		return nil
	}
	if champion.Version.ID == s.Version.ID {
		report.Findings = append(report.Findings, info(against, "%s runs this very version", against))
		return nil
	}
	measured, err := champion.Measured(ctx, report.Key)
	how := "measured earlier on the same data"
	if err == nil && measured == nil {
		how = "measured now on the same data"
		_, _ = fmt.Fprintf(s.Log, "measuring %s, which %s runs\n", champion.Version.Ref(), against)
		var other models.Report
		other, _, err = d.measure(ctx, champion, settings, set, images)
		measured = other.Measurements
	}
	if err != nil {
		return fmt.Errorf("measure %s, which %s runs: %w", champion.Version.Ref(), against, err)
	}
	report.Facts["champion"] = fmt.Sprintf("%s, %s", champion.Version.Ref(), how)
	if len(measured) == 0 {
		report.Findings = append(report.Findings, warning(against, "%s, which %s runs, cannot be measured on %s: nothing to compare with", champion.Version.Ref(), against, s.Step.Dataset))
		return nil
	}
	for i, m := range report.Measurements {
		at := slices.IndexFunc(measured, func(c models.Measurement) bool { return c.Name == m.Name })
		if at >= 0 && strings.Contains(m.Name, "ap") {
			report.Measurements[i].Champion = &measured[at].Value
		}
	}
	return nil
}

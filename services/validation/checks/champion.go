package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/bootstrap"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// opposing is the version that a step compares with; nil where there is none,
// which the report then says.
func opposing(ctx context.Context, s *validation.Subject, report *models.Report) (*validation.Subject, error) {
	report.Compared = true
	against := s.Step.Compare.Against
	champion, err := s.Champion(ctx, against)
	switch {
	case err != nil:
		return nil, err
	case champion == nil:
		report.Findings = append(report.Findings, info(against, "%s runs no version yet: nothing to compare with, which does not block", against))
		return nil, nil //nolint:nilnil // there is none
	case champion.Version.ID == s.Version.ID:
		report.Findings = append(report.Findings, info(against, "%s is this very version", against))
		return nil, nil //nolint:nilnil // there is none
	}
	return champion, nil
}

// unmeasurable says that the version compared with gives no figures.
func unmeasurable(s, champion *validation.Subject, why string) models.Finding {
	against := s.Step.Compare.Against
	return warning(against, "%s (%s) cannot be measured on %s: nothing to compare with%s", champion.Version.Ref(), against, s.Step.Dataset, why)
}

// unmeasured tells a champion that cannot be measured, which the report then
// says, from what keeps it from being measured now.
func unmeasured(s, champion *validation.Subject, err error, report *models.Report) error {
	its := errors.As(err, new(*validation.BrokenError)) || models.IsKind(err, models.KindInvalid) || broken(err, &models.Report{}) == nil
	if !its {
		return fmt.Errorf("measure %s (%s): %w", champion.Version.Ref(), s.Step.Compare.Against, err)
	}
	report.Findings = append(report.Findings, unmeasurable(s, champion, ": "+err.Error()))
	return nil
}

// compare holds the step's figures against another version's on the same
// images.
func (d Detection) compare(
	ctx context.Context, s *validation.Subject, settings detectionSettings, set models.DatasetVersion,
	images []models.LabeledImage, own *detection.Evidence, report *models.Report,
) error {
	champion, err := opposing(ctx, s, report)
	if err != nil || champion == nil {
		return err
	}
	its, err := d.evidenceOf(ctx, champion, settings, set, images, report)
	if err != nil {
		return fmt.Errorf("measure %s (%s): %w", champion.Version.Ref(), s.Step.Compare.Against, err)
	}
	if its == nil {
		report.Findings = append(report.Findings, unmeasurable(s, champion, ""))
		return nil
	}
	for _, f := range its.Rank().Scores().Figures() {
		beside(report, f.Name, f.Value)
	}
	c, err := newComparison(s.Step, settings.CompareBy, set, d.Declare())
	if err != nil {
		return err
	}
	return c.each(report, func(figures []string, part string, b bootstrap.Bootstrap) ([]bootstrap.Difference, string, error) {
		selected, n, err := settings.pictures(part, images)
		if err != nil {
			return nil, "", err
		}
		differences, err := detection.Compare(b, own, its, figures, selected)
		return differences, fmt.Sprintf("%d images", n), err
	})
}

// beside puts the champion's figure beside the version's own.
func beside(report *models.Report, name string, value float64) {
	if i := slices.IndexFunc(report.Measurements, func(m models.Measurement) bool { return m.Name == name }); i >= 0 {
		report.Measurements[i].Champion = &value
	}
}

// evidenceOf gives what the champion measured earlier under the same key, or
// measures it now; nil where it cannot be measured.
func (d Detection) evidenceOf(
	ctx context.Context, champion *validation.Subject, settings detectionSettings, set models.DatasetVersion, images []models.LabeledImage, report *models.Report,
) (*detection.Evidence, error) {
	how := "measured earlier on the same data"
	defer func() { report.Facts["champion"] = champion.Version.Ref() + ", " + how }()
	body, err := champion.Kept(ctx, report.Key, EvidenceName)
	if err == nil {
		defer func() { _ = body.Close() }()
		return detection.DecodeEvidence(body)
	}
	if !models.IsKind(err, models.KindNotFound) {
		return nil, err
	}
	how = "measured now on the same data"
	_, _ = fmt.Fprintf(champion.Log, "measuring %s, which is compared with\n", champion.Version.Ref())
	_, evidence, err := d.measure(ctx, champion, settings, set, images)
	return evidence, err
}

// pictures selects those of a slice; nil for all.
func (d detectionSettings) pictures(part string, images []models.LabeledImage) ([]bool, int, error) {
	if part == "" {
		return nil, len(images), nil
	}
	i := slices.IndexFunc(d.Slices, func(s slice) bool { return s.Name == part })
	if i < 0 {
		return nil, 0, models.Errorf(models.KindInvalid, "compare: there is no slice %q in this step", part)
	}
	selected, n := make([]bool, len(images)), 0
	for k, image := range images {
		if selected[k] = d.Slices[i].Where.has(image); selected[k] {
			n++
		}
	}
	return selected, n, nil
}

package checks

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// How compare decides: by a bound of the interval of the difference, or by the
// difference itself.
const (
	byBound    = "bound"
	byEstimate = "estimate"
)

// The intervals of differences.
const (
	resamples  = 2000
	boundLevel = 0.95 // of each bound
)

// rival is the version that is compared with.
type rival struct {
	name     string // as the pipeline has it: production, @champion, version 3
	evidence *detection.Evidence
}

// compare holds the step's figures against another version's on the same
// images.
func (d Detection) compare(
	ctx context.Context, s *validation.Subject, settings detectionSettings, set models.DatasetVersion,
	images []models.LabeledImage, own *detection.Evidence, report *models.Report,
) error {
	report.Compared = true
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
		report.Findings = append(report.Findings, info(against, "%s is this very version", against))
		return nil
	}
	r := rival{name: against}
	if r.evidence, err = d.evidenceOf(ctx, champion, settings, set, images, report); err != nil {
		return fmt.Errorf("measure %s (%s): %w", champion.Version.Ref(), against, err)
	}
	if r.evidence == nil {
		report.Findings = append(report.Findings, warning(against, "%s (%s) cannot be measured on %s: nothing to compare with", champion.Version.Ref(), against, s.Step.Dataset))
		return nil
	}
	for _, f := range r.evidence.Rank().Scores().Figures() {
		if i := slices.IndexFunc(report.Measurements, func(m models.Measurement) bool { return m.Name == f.Name }); i >= 0 {
			report.Measurements[i].Champion = &f.Value
		}
	}
	return r.judge(s.Step, settings, set, images, own, report)
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

// judge compares each metric, over all images or a slice of them.
func (r rival) judge(
	step models.StepSpec, settings detectionSettings, set models.DatasetVersion, images []models.LabeledImage, own *detection.Evidence, report *models.Report,
) error {
	digest, err := hex.DecodeString(set.Digest)
	if err != nil || len(digest) < 8 {
		return fmt.Errorf("the data set's digest %q is none", set.Digest)
	}
	bootstrap := detection.Bootstrap{Resamples: resamples, Seed: binary.BigEndian.Uint64(digest), Level: boundLevel}
	parts := map[string][]string{} // figures by slice
	var order []string
	for _, metric := range step.Compare.Metrics {
		figure, part, _ := strings.Cut(strings.TrimSuffix(metric, "}"), "{")
		if parts[part] == nil {
			order = append(order, part)
		}
		parts[part] = append(parts[part], figure)
	}
	for _, part := range order {
		selected, n, err := settings.pictures(part, images)
		if err != nil {
			return err
		}
		differences, err := bootstrap.Compare(own, r.evidence, parts[part], selected)
		if err != nil {
			return err
		}
		for _, figure := range parts[part] {
			i := slices.IndexFunc(differences, func(d detection.Difference) bool { return d.Figure == figure })
			if i < 0 {
				return models.Errorf(models.KindInvalid, "compare: nothing measured %s, which metrics names", figure)
			}
			if part != "" {
				differences[i].Figure += "{" + part + "}"
			}
			r.weigh(differences[i], step.Compare.NoWorseThan, settings.CompareBy, n, report)
		}
	}
	return nil
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

// weigh tells no worse from worse from what the images cannot tell.
func (r rival) weigh(d detection.Difference, noWorseThan float64, by string, images int, report *models.Report) {
	interval := fmt.Sprintf("%+.4f, from %+.4f to %+.4f", d.Estimate(), d.Low, d.High)
	said := fmt.Sprintf("%s is %.4f, and %s's is %.4f (a difference of %s, each bound at %.0f %%)", d.Figure, d.New, r.name, d.Old, interval, 100*boundLevel)
	low := d.Low
	if by == byEstimate {
		low = d.Estimate()
	}
	verdict := "no worse"
	switch {
	case low >= -noWorseThan:
		report.Findings = append(report.Findings, info(d.Figure, "%s: no worse by more than %g", said, noWorseThan))
	case d.High < -noWorseThan || by == byEstimate:
		verdict = "worse"
		report.Findings = append(report.Findings, problem(d.Figure, "%s: worse by more than %g", said, noWorseThan))
	default:
		verdict = "inconclusive"
		f := problem(d.Figure, "%s: %d images cannot tell whether it is worse by more than %g", said, images, noWorseThan)
		f.Remedy = "measure on more images, allow more (no_worse_than), or let the difference itself decide (compare_by: estimate)"
		report.Findings = append(report.Findings, f)
	}
	report.Facts["compare "+d.Figure] = verdict + ": " + interval
}

package validation

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// The bounds of what a run is told of one validation.
const (
	maxRunMetrics = 500
	maxRunText    = 500
)

// logToRun writes a validation's figures and verdicts to the run of its
// version, as slipway.STEP.FIGURE, where people look already. A version without
// a run, and a run that is deleted, get nothing.
func (s *Service) logToRun(tx storage.Tx, v models.Validation, state models.ValidationState, why string) error {
	if !s.Settings.LogToRuns || state == models.ValidationCancelled {
		return nil
	}
	version, err := tx.Versions().Get(v.VersionID)
	if err != nil || version.RunID == "" {
		return unlessGone(err)
	}
	run, err := tx.Runs().Find(version.RunID)
	if err != nil || run.Lifecycle != models.LifecycleActive {
		return unlessGone(err)
	}
	now, err := tx.Now()
	if err != nil {
		return err
	}
	var points []models.Metric
	tags := []models.Tag{
		{Key: "slipway.validation", Value: string(state)},
		{Key: "slipway.validation.id", Value: strconv.FormatInt(v.ID, 10)},
		{Key: "slipway.validation.version", Value: version.Ref()},
		{Key: "slipway.validation.reason", Value: cut(why, maxRunText)},
	}
	seen := map[string]bool{}
	for _, step := range v.Steps {
		tags = append(tags, models.Tag{Key: runKey(step.Name), Value: string(step.Verdict)})
		for _, m := range step.Measurements {
			key := runKey(step.Name, m.Name)
			if len(points) == maxRunMetrics || seen[key] || step.Check == "metrics" {
				continue // what the run logged itself is not said to it again
			}
			seen[key] = true
			points = append(points, models.Metric{Key: key, Value: m.Value, TimestampMS: now.UnixMilli(), Step: version.Number})
		}
	}
	if err := tx.Metrics().Log(run, points); err != nil {
		return fmt.Errorf("log the figures of validation %d to its run: %w", v.ID, err)
	}
	return tx.Runs().SetTags(run.Key, tags)
}

// unfit is what MLflow takes in no key, and what would read as a folder.
var unfit = regexp.MustCompile(`[^\p{L}\p{N}_. -]+`)

// runKey names a figure of a step: ap50[screw] of detection is
// slipway.detection.ap50.screw.
func runKey(parts ...string) string {
	for i, part := range parts {
		part = strings.TrimSuffix(strings.Replace(part, "[", ".", 1), "]")
		parts[i] = strings.Trim(unfit.ReplaceAllString(part, "_"), ". ")
	}
	return cut("slipway."+strings.Join(parts, "."), 250)
}

// cut shortens a text to so many bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

package tracking

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// The limits of one batch.
const (
	maxMetrics = 1000
	maxParams  = 100
	maxTags    = 100
	maxBatch   = 1000
)

// Batch is what a run logs in one call: all of it is stored, or nothing.
type Batch struct {
	Metrics []models.Metric
	Params  []models.Param
	Tags    []models.Tag
}

// LogBatch stores a batch.
func (s *Service) LogBatch(ctx context.Context, runID string, b Batch) error {
	if err := b.checkSize(); err != nil {
		return err
	}
	for i, m := range b.Metrics {
		if err := checkMetric(fmt.Sprintf("metrics[%d].", i), m); err != nil {
			return err
		}
	}
	params, err := s.checkParams(b.Params)
	if err != nil {
		return err
	}
	tags := make([]models.Tag, len(b.Tags))
	for i, tag := range b.Tags {
		if tags[i], err = s.checkTag(fmt.Sprintf("tags[%d].", i), tag); err != nil {
			return err
		}
	}
	return s.changeRun(ctx, runID, func(tx storage.Tx, run models.Run) error {
		old, err := tx.Runs().LogParams(run.Key, params)
		if err != nil {
			return err
		}
		if len(old) > 0 {
			return contradiction(run.ID, old, params)
		}
		if err := tx.Metrics().Log(run, b.Metrics); err != nil {
			return err
		}
		return setTags(tx, run, tags)
	})
}

func (b Batch) checkSize() error {
	for _, limit := range []struct {
		what       string
		most, have int
	}{
		{"metrics", maxMetrics, len(b.Metrics)},
		{"params", maxParams, len(b.Params)},
		{"tags", maxTags, len(b.Tags)},
		{"metrics, params, and tags", maxBatch, len(b.Metrics) + len(b.Params) + len(b.Tags)},
	} {
		if limit.have > limit.most {
			return models.Errorf(models.KindInvalid, "A batch logging request can contain at most %d %s. Got %d %s. Please split up %s across multiple requests and try again.",
				limit.most, limit.what, limit.have, limit.what, limit.what)
		}
	}
	return nil
}

func checkMetric(at string, m models.Metric) error {
	if err := models.CheckKey(at+"name", m.Key, maxKey); err != nil {
		return err
	}
	if m.TimestampMS < 0 {
		return models.InvalidValue(at+"timestamp", m.TimestampMS, "metric '"+m.Key+"': Timestamp must be a nonnegative long (64-bit integer)")
	}
	return nil
}

// checkParams checks params and cuts their values. One key twice is refused.
func (s *Service) checkParams(params []models.Param) ([]models.Param, error) {
	out := make([]models.Param, len(params))
	seen := make(map[string]bool, len(params))
	var twice []string
	for i, p := range params {
		at := ""
		if len(params) > 1 {
			at = fmt.Sprintf("params[%d].", i)
		}
		if err := models.CheckKey(at+"key", p.Key, maxKey); err != nil {
			return nil, err
		}
		value, err := s.cut(at+"value of "+p.Key, p.Value, maxParamValue)
		if err != nil {
			return nil, err
		}
		if seen[p.Key] {
			twice = append(twice, "'"+p.Key+"'")
		}
		seen[p.Key], out[i] = true, models.Param{Key: p.Key, Value: value}
	}
	if len(twice) > 0 {
		return nil, models.Errorf(models.KindInvalid, "Duplicate parameter keys have been submitted: [%s]. Please ensure the request contains only one param value per param key.",
			strings.Join(twice, ", "))
	}
	return out, nil
}

// contradiction words a param that is stored with another value; clients look
// for its first sentence.
func contradiction(runID string, old, given []models.Param) error {
	values := make(map[string]string, len(given))
	for _, p := range given {
		values[p.Key] = p.Value
	}
	if len(given) == 1 {
		return models.Errorf(models.KindInvalid, "Changing param values is not allowed. Param with key='%s' was already logged with value='%s' "+
			"for run ID='%s'. Attempted logging new value '%s'.", old[0].Key, old[0].Value, runID, values[old[0].Key])
	}
	list := make([]string, len(old))
	for i, p := range old {
		list[i] = fmt.Sprintf("{'key': '%s', 'old_value': '%s', 'new_value': '%s'}", p.Key, p.Value, values[p.Key])
	}
	return models.Errorf(models.KindInvalid, "Changing param values is not allowed. Params were already logged='[%s]' for run ID='%s'.", strings.Join(list, ", "), runID)
}

// setTags stores tags; the one that mirrors the run's name renames it.
func setTags(tx storage.Tx, run models.Run, tags []models.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	if err := tx.Runs().SetTags(run.Key, tags); err != nil {
		return err
	}
	for _, tag := range tags {
		if tag.Key == tagRunName {
			if err := tx.Runs().Update(run.Key, models.RunUpdate{Name: &tag.Value}); err != nil {
				return err
			}
		}
	}
	return nil
}

// LogMetric stores one point.
func (s *Service) LogMetric(ctx context.Context, runID string, m models.Metric) error {
	if err := checkMetric("", m); err != nil {
		return err
	}
	return s.changeRun(ctx, runID, func(tx storage.Tx, run models.Run) error {
		return tx.Metrics().Log(run, []models.Metric{m})
	})
}

// LogParam stores one param; another value than the stored one is invalid.
func (s *Service) LogParam(ctx context.Context, runID string, p models.Param) error {
	return s.LogBatch(ctx, runID, Batch{Params: []models.Param{p}})
}

// SetTag stores one tag.
func (s *Service) SetTag(ctx context.Context, runID string, tag models.Tag) error {
	tag, err := s.checkTag("", tag)
	if err != nil {
		return err
	}
	return s.changeRun(ctx, runID, func(tx storage.Tx, run models.Run) error {
		return setTags(tx, run, []models.Tag{tag})
	})
}

// DeleteTag removes one tag; an absent one is not_found.
func (s *Service) DeleteTag(ctx context.Context, runID, key string) error {
	return s.changeRun(ctx, runID, func(tx storage.Tx, run models.Run) error {
		err := tx.Runs().DeleteTag(run.Key, key)
		if models.IsKind(err, models.KindNotFound) {
			return models.Errorf(models.KindNotFound, "No tag with name: %s in run with id %s", key, runID)
		}
		return err
	})
}

// tagModelHistory lists, as JSON, the models a run logged in the way of
// clients before 3.0.
const tagModelHistory = "mlflow.log-model.history"

// RecordModel appends an MLmodel document to a run's history of models.
func (s *Service) RecordModel(ctx context.Context, runID, modelJSON string) error {
	var model map[string]any
	if err := json.Unmarshal([]byte(modelJSON), &model); err != nil || model == nil {
		return models.Errorf(models.KindInvalid, "Malformed model info: 'model_json' is no JSON object")
	}
	var absent []string
	for _, field := range []string{"artifact_path", "flavors", "utc_time_created", "run_id"} {
		if _, ok := model[field]; !ok {
			absent = append(absent, field)
		}
	}
	if len(absent) > 0 {
		return models.Errorf(models.KindInvalid, "Model json is missing mandatory fields: %s", strings.Join(absent, ", "))
	}
	return s.changeRun(ctx, runID, func(tx storage.Tx, run models.Run) error {
		whole, err := tx.Runs().Load(run.ID)
		if err != nil {
			return err
		}
		history := []json.RawMessage{}
		for _, tag := range whole.Tags {
			if tag.Key == tagModelHistory && json.Unmarshal([]byte(tag.Value), &history) != nil {
				history = nil // a client overwrote it with something else
			}
		}
		text, err := json.Marshal(append(history, json.RawMessage(modelJSON)))
		if err != nil {
			return err
		}
		return tx.Runs().SetTags(run.Key, []models.Tag{{Key: tagModelHistory, Value: string(text)}})
	})
}

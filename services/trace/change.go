package trace

import (
	"context"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Tags that say where a trace's spans are, which is not for callers to say.
const (
	tagArchive        = "mlflow.trace.archiveLocation"
	tagArchiveFailure = "mlflow.trace.archivalFailure"
)

func fixed(key string) bool {
	return key == models.TagSpansLocation || key == models.TagTraceLocation || key == tagArchive || key == tagArchiveFailure
}

// SetTag sets a tag of a trace.
func (s *Service) SetTag(ctx context.Context, id string, tag models.Tag) error {
	if fixed(tag.Key) {
		return models.Errorf(models.KindInvalid, "Tag '%s' is immutable and cannot be set on a trace.", tag.Key)
	}
	if err := models.CheckKey("key", tag.Key, maxKey); err != nil {
		return err
	}
	tag.Value = cut(tag.Value, maxTag)
	return s.change(ctx, id, func(tx storage.Tx, t models.Trace) error { return tx.Traces().SetTags(t.Key, []models.Tag{tag}) })
}

// DeleteTag removes a tag of a trace; an absent one is not_found.
func (s *Service) DeleteTag(ctx context.Context, id, key string) error {
	if fixed(key) && key != tagArchiveFailure {
		return models.Errorf(models.KindInvalid, "Tag '%s' is immutable and cannot be deleted on a trace.", key)
	}
	return s.change(ctx, id, func(tx storage.Tx, t models.Trace) error { return tx.Traces().DeleteTag(t.Key, key) })
}

// deleteAtOnce bounds how many traces one transaction removes.
const deleteAtOnce = 500

// Delete removes traces of an experiment, those named or the oldest until a
// time, and tells how many. At most limit of them, where it is given.
func (s *Service) Delete(ctx context.Context, d models.TraceDeletion, limit *int64) (deleted int, err error) {
	switch {
	case d.UntilMS == nil && len(d.IDs) == 0:
		return 0, models.Errorf(models.KindInvalid, "Either `max_timestamp_millis` or `trace_ids` must be specified.")
	case d.UntilMS != nil && len(d.IDs) > 0:
		return 0, models.Errorf(models.KindInvalid, "Only one of `max_timestamp_millis` and `trace_ids` can be specified.")
	case limit != nil && len(d.IDs) > 0:
		return 0, models.Errorf(models.KindInvalid, "`max_traces` can't be specified if `trace_ids` is specified.")
	case limit != nil && *limit <= 0:
		return 0, models.Errorf(models.KindInvalid, "`max_traces` must be a positive integer, received %d.", *limit)
	}
	for {
		d.Limit = deleteAtOnce
		if limit != nil {
			d.Limit = int(min(int64(d.Limit), *limit-int64(deleted)))
		}
		if d.Limit == 0 {
			return deleted, nil
		}
		n := 0
		if err := s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
			n, err = tx.Traces().Delete(d)
			return err
		}); err != nil {
			return deleted, err
		}
		if deleted += n; n < d.Limit {
			return deleted, nil
		}
	}
}

// LinkRun links traces to a run, those too that are still to come.
func (s *Service) LinkRun(ctx context.Context, runID string, ids []string) error {
	if len(ids) > maxLinks {
		return models.Errorf(models.KindInvalid, "Cannot link more than %d traces to a run in a single request. Provided %d traces.", maxLinks, len(ids))
	}
	for _, id := range ids {
		if err := checkID(id); err != nil {
			return err
		}
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error { return linkRun(tx, runID, ids) })
}

func linkRun(tx storage.Tx, runID string, ids []string) error {
	run, err := tx.Runs().Find(runID)
	if err != nil {
		return err
	}
	return tx.Traces().LinkRun(run.Key, ids)
}

// PromptRef names a version of a prompt.
type PromptRef struct{ Name, Version string }

// LinkPrompts links a trace to versions of prompts.
func (s *Service) LinkPrompts(ctx context.Context, id string, prompts []PromptRef) error {
	names := make([]string, len(prompts))
	for i, p := range prompts {
		if p.Name == "" || p.Version == "" || strings.Contains(p.Name, "/") {
			return models.InvalidValue("prompt_versions", p, "a prompt's version has a name without '/' and a version")
		}
		if names[i] = p.Name + "/" + p.Version; len(names[i]) > maxTag/2 {
			return models.CheckLength("prompt_versions", names[i], maxKey)
		}
	}
	return s.change(ctx, id, func(tx storage.Tx, t models.Trace) error { return tx.Traces().LinkPrompts(t.Key, names) })
}

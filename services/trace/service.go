package trace

import (
	"context"
	"encoding/json"
	"regexp"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// The limits of MLflow's store.
const (
	maxKey      = 250
	maxMetadata = 250
	maxTag      = 4_096
	maxPreview  = 1_000
	maxLinks    = 100 // traces linked to a run by one request
	maxBatch    = 1_000
	maxPage     = 500
)

// Service keeps traces.
type Service struct {
	DB    storage.DB
	Now   func() time.Time // stamps what comes without a time
	NewID func() string    // 32 hex digits, never twice
}

var idForm = regexp.MustCompile(`^[a-zA-Z0-9][\w\-]{0,127}$`)

// checkID refuses an id that cannot be part of a path.
func checkID(id string) error {
	if !idForm.MatchString(id) {
		return models.InvalidValue("trace_id", id, "a trace id is letters, digits, '_' and '-', at most 128")
	}
	return nil
}

// location is where a trace's files are.
func location(e models.Experiment, id string) models.Tag {
	return models.Tag{Key: models.TagTraceLocation, Value: models.JoinURI(e.ArtifactLocation, "traces", id, "artifacts")}
}

// cut shortens a text to so many characters, as MLflow does.
func cut(text string, most int) string {
	n := 0
	for i := range text {
		if n == most {
			return text[:i]
		}
		n++
	}
	return text
}

func cutAll(list []models.Tag, most int) []models.Tag {
	out := make([]models.Tag, 0, len(list))
	for _, t := range list {
		out = models.WithTag(out, cut(t.Key, maxKey), cut(t.Value, most))
	}
	return out
}

// derive reads from a trace's metadata what searches and metrics ask for. What
// is not there leaves the trace as it is.
func derive(t *models.Trace, metadata []models.Tag) {
	for _, m := range metadata {
		switch m.Key {
		case models.MetaSession:
			session := cut(m.Value, maxMetadata)
			t.Session = &session
		case models.MetaTokenUsage:
			t.Tokens = tokens(m.Value)
		}
	}
}

// tokens reads counts of tokens; what is no whole number is unknown.
func tokens(text string) (u models.TokenUsage) {
	var of map[string]any
	if json.Unmarshal([]byte(text), &of) != nil {
		return u
	}
	for key, into := range map[string]**int64{
		"input_tokens": &u.Input, "output_tokens": &u.Output, "total_tokens": &u.Total,
		"cache_read_input_tokens": &u.CacheRead, "cache_creation_input_tokens": &u.CacheCreation,
	} {
		if f, ok := of[key].(float64); ok && f == float64(int64(f)) {
			n := int64(f)
			*into = &n
		}
	}
	return u
}

// change runs fn on a trace that nobody else changes meanwhile.
func (s *Service) change(ctx context.Context, id string, fn func(tx storage.Tx, t models.Trace) error) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		t, err := tx.Traces().Lock(id)
		if err != nil {
			return err
		}
		return fn(tx, t)
	})
}

package trace

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Export is what one resource, a program that runs, sends of its spans.
type Export struct {
	Resource []models.Attribute
	Spans    []models.Span
}

// part is what one request tells of one trace.
type part struct {
	id       string
	spans    []models.Span
	resource []models.Attribute

	startMS, endMS int64 // endMS 0: none has ended
	root           *models.Span
	session, user  string
	counts         bool // some tell tokens or costs
}

// Log stores spans in an experiment, and their traces where they are new. A
// run that is named is linked to the traces whose root is among them; unlinked
// tells why that was not done.
func (s *Service) Log(ctx context.Context, experimentID int64, runID string, exports []Export) (unlinked string, err error) {
	parts := split(exports)
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		unlinked = ""
		e, err := tx.Experiments().Get(experimentID)
		if err != nil {
			return err
		}
		var ended []string
		for _, p := range parts { // in the order of their ids: two requests never wait for each other
			if err := logPart(tx, e, p); err != nil {
				return fmt.Errorf("log the spans of trace %s: %w", p.id, err)
			}
			if p.root != nil {
				ended = append(ended, p.id)
			}
		}
		if runID == "" || len(ended) == 0 {
			return nil
		}
		err = linkRun(tx, runID, ended)
		if models.IsKind(err, models.KindNotFound) {
			unlinked, err = err.Error()+": the traces are not linked to it", nil
		}
		return err
	})
	return unlinked, err
}

// split sorts spans by their traces.
func split(exports []Export) []*part {
	byID := map[string]*part{}
	for _, x := range exports {
		for _, span := range x.Spans {
			id := models.TracePrefix + span.TraceID
			p := byID[id]
			if p == nil {
				p = &part{id: id, startMS: span.StartNS / 1e6}
				byID[id] = p
			}
			if len(p.resource) == 0 {
				p.resource = x.Resource
			}
			p.add(translate(span))
		}
	}
	out := make([]*part, 0, len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		out = append(out, byID[id])
	}
	return out
}

func (p *part) add(span models.Span) {
	p.spans = append(p.spans, span)
	p.startMS, p.endMS = min(p.startMS, span.StartNS/1e6), max(p.endMS, span.EndNS/1e6)
	if span.ParentID == "" {
		p.root = &span
	}
	if p.session == "" {
		p.session = first(span, models.AttrSession, "gen_ai.conversation.id")
	}
	if p.user == "" {
		p.user = span.Text(models.AttrUser)
	}
	p.counts = p.counts || span.Attribute(models.AttrTokenUsage) != nil || span.Attribute(models.AttrCost) != nil
}

func logPart(tx storage.Tx, e models.Experiment, p *part) error {
	fresh := models.Trace{ID: p.id, ExperimentID: e.ID, StartMS: p.startMS, State: models.TraceInProgress}
	fresh.Metadata = p.apply(&fresh, p.spans)
	fresh.Tags = append(p.tags(), location(e, p.id))
	key, made, err := tx.Traces().Create(fresh)
	switch {
	case err != nil:
		return err
	case made:
		if err := e.CheckActive(); err != nil {
			return err
		}
		return tx.Spans().Log(key, p.spans)
	}
	t, err := tx.Traces().Lock(p.id)
	if err != nil {
		return err
	}
	if err := tx.Spans().Log(t.Key, p.spans); err != nil {
		return err
	}
	spans := p.spans
	if p.counts { // what was told before counts, too
		all, err := tx.Spans().Of([]int64{t.Key})
		if err != nil {
			return err
		}
		spans = all[t.Key]
	}
	metadata := p.apply(&t, spans)
	if err := tx.Traces().Update(t); err != nil {
		return err
	}
	if err := tx.Traces().SetTags(t.Key, p.tags()); err != nil {
		return err
	}
	return tx.Traces().SetMetadata(t.Key, metadata)
}

// apply brings a trace up to its spans, and gives the metadata to be set. What
// its client has told of the whole is the better word.
func (p *part) apply(t *models.Trace, spans []models.Span) (metadata []models.Tag) {
	if !t.Told.Times {
		end := p.endMS
		if t.DurationMS != nil {
			end = max(end, t.StartMS+*t.DurationMS)
		}
		t.StartMS = min(t.StartMS, p.startMS)
		if end > 0 {
			took := end - t.StartMS
			t.DurationMS = &took
		}
	}
	if p.root != nil {
		if t.State == models.TraceInProgress || t.State == models.TraceUnspecified {
			if t.State = models.TraceOK; p.root.Status == models.SpanError {
				t.State = models.TraceError
			}
		}
		if t.RequestPreview == nil {
			t.RequestPreview = preview(p.root.Attribute(models.AttrInputs), "user")
		}
		if t.ResponsePreview == nil {
			t.ResponsePreview = preview(p.root.Attribute(models.AttrOutputs), "assistant")
		}
	}
	set := func(key, value string) {
		if value != "" {
			metadata = append(metadata, models.Tag{Key: key, Value: value})
		}
	}
	if p.counts {
		if !t.Told.Usage {
			set(models.MetaTokenUsage, sum(spans, models.AttrTokenUsage, []string{"input_tokens", "output_tokens", "total_tokens"},
				[]string{"cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation_input_tokens_above_1hr"}))
		}
		if !t.Told.Cost {
			set(models.MetaCost, sum(spans, models.AttrCost, []string{"input_cost", "output_cost", "total_cost"}, nil))
		}
	}
	if t.Session == nil {
		set(models.MetaSession, cut(p.session, maxMetadata))
	}
	if models.ValueOf(t.Metadata, models.MetaUser) == "" {
		set(models.MetaUser, cut(p.user, maxMetadata))
	}
	derive(t, metadata)
	return metadata
}

// tags are what a trace's tags are to be: those of the resource, and those that
// the root carries, which come first.
func (p *part) tags() []models.Tag {
	tags := []models.Tag{{Key: models.TagSpansLocation, Value: models.SpansInDatabase}}
	add := func(key, value string) {
		if models.CheckKey("key", key, maxKey) == nil && !fixed(key) {
			tags = models.WithTag(tags, key, cut(value, maxTag))
		}
	}
	for _, a := range p.resource {
		if !strings.HasPrefix(a.Key, "telemetry.sdk.") && !strings.HasPrefix(a.Key, "mlflow.") {
			add(a.Key, textOf(a.Value))
		}
	}
	if p.root != nil {
		for _, a := range p.root.Attributes {
			if key, ok := strings.CutPrefix(a.Key, models.AttrTagPrefix); ok {
				add(key, textOf(a.Value))
			}
		}
	}
	return tags
}

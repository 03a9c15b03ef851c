package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Service keeps the pipelines of registered models.
type Service struct {
	DB      storage.DB
	Grammar *Grammar
	Scope   Scope // nil: there are no variables and no secrets
}

// Scope knows the variables and secrets of models and their environments.
type Scope interface {
	// Names gives their names, as a model's steps may use them: environment is
	// "" for those of the model and the global ones alone.
	Names(ctx context.Context, model, environment string) (vars, secrets []string, err error)
}

// parse reads a document and holds the names in it against its model's scope.
func (s *Service) parse(ctx context.Context, text []byte, kind string) (models.Pipeline, []Problem, error) {
	parsed, problems := s.Grammar.Parse(text, kind, nil)
	if parsed.Model == "" {
		return parsed, problems, nil
	}
	var known Names
	if s.Scope != nil {
		var err error
		if known.Vars, known.Secrets, err = s.Scope.Names(ctx, parsed.Model, ""); err != nil {
			return parsed, nil, err
		}
	}
	parsed, problems = s.Grammar.Parse(text, kind, &known)
	return parsed, problems, nil
}

// Lint tells what is wrong with a document, and what it says where nothing is.
func (s *Service) Lint(ctx context.Context, text []byte, contentType string) (models.Pipeline, []Problem, error) {
	return s.parse(ctx, text, mediaType(text, contentType))
}

// Apply keeps a document as the model's newest revision. The document that is
// current already stays the same revision. A model that is not registered yet
// is created, so that its first version is validated too.
func (s *Service) Apply(ctx context.Context, model string, text []byte, contentType string) (models.PipelineRevision, error) {
	kind := mediaType(text, contentType)
	parsed, problems, err := s.parse(ctx, text, kind)
	if err != nil {
		return models.PipelineRevision{}, err
	}
	if len(problems) > 0 {
		return models.PipelineRevision{}, refuse(problems)
	}
	if parsed.Model != model {
		return models.PipelineRevision{}, models.Errorf(models.KindInvalid,
			"model: the document is for %q and was sent to %q: make the two the same", parsed.Model, model)
	}
	if err := models.CheckModelName(model); err != nil {
		return models.PipelineRevision{}, err
	}
	sum := sha256.Sum256(text)
	rev := models.PipelineRevision{
		Model: model, Document: text, MediaType: kind, Digest: hex.EncodeToString(sum[:]), Pipeline: parsed,
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) (err error) {
		rev, err = apply(tx, rev)
		return err
	})
	return rev, err
}

func apply(tx storage.Tx, rev models.PipelineRevision) (models.PipelineRevision, error) {
	registered, err := tx.RegisteredModels().Get(rev.Model)
	if models.IsKind(err, models.KindNotFound) {
		registered, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: rev.Model})
	}
	if err != nil {
		return rev, err
	}
	switch current, err := tx.Pipelines().Current(registered.ID); {
	case err == nil && current.Digest == rev.Digest:
		return current, nil
	case err != nil && !models.IsKind(err, models.KindNotFound):
		return rev, err
	}
	if err := heldEnvironments(tx, registered, rev.Pipeline); err != nil {
		return rev, err
	}
	rev.ModelID = registered.ID
	if rev, err = tx.Pipelines().Add(rev); err != nil {
		return rev, err
	}
	return rev, tx.Audit(models.AuditRecord{
		Action: "pipeline.applied", Model: rev.Model, Reason: fmt.Sprintf("pipeline revision %d applied", rev.Number),
		Details: map[string]any{"revision": rev.Number, "digest": rev.Digest},
	})
}

// heldEnvironments refuses a pipeline without an environment that has a live
// release: nothing could change or take back what runs there any more.
func heldEnvironments(tx storage.Tx, m models.RegisteredModel, p models.Pipeline) error {
	all, err := tx.Environments().All()
	if err != nil {
		return err
	}
	for _, e := range all {
		if _, named := p.Environments[e.Name]; named || e.ModelID != m.ID || e.Stable == 0 {
			continue
		}
		live, err := tx.Releases().Get(e.Stable)
		if err != nil {
			return err
		}
		return models.Errorf(models.KindConflict, "the document has no environment %q, where release %d (version %d) is live: leave the environment in",
			e.Name, live.Number, live.Version)
	}
	return nil
}

// Get gives a model's pipeline: a revision by number, or with 0 the current one.
func (s *Service) Get(ctx context.Context, model string, number int64) (rev models.PipelineRevision, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		registered, err := tx.RegisteredModels().Get(model)
		if err != nil {
			return err
		}
		if number == 0 {
			rev, err = tx.Pipelines().Current(registered.ID)
			return err
		}
		found, err := tx.Pipelines().Revisions(registered.ID, number+1, 1)
		if err != nil {
			return err
		}
		if len(found) == 0 || found[0].Number != number {
			return models.Errorf(models.KindNotFound, "the pipeline of %q has no revision %d", model, number)
		}
		rev = found[0]
		return nil
	})
	return rev, err
}

// Revisions lists a model's revisions, newest first, from below a number.
func (s *Service) Revisions(ctx context.Context, model string, below int64, limit int) (revisions []models.PipelineRevision, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		registered, err := tx.RegisteredModels().Get(model)
		if err != nil {
			return err
		}
		revisions, err = tx.Pipelines().Revisions(registered.ID, below, limit)
		return err
	})
	return revisions, err
}

package tracking

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// The limits of a logged model.
const (
	maxModelKey    = 255
	maxModelName   = 500
	maxModelSearch = 50_000
)

// CreateLoggedModel stores a logged model whose files are still to come.
func (s *Service) CreateLoggedModel(ctx context.Context, m models.LoggedModel) (models.LoggedModel, error) {
	if strings.ContainsAny(m.Name, `/:.%"'`) {
		return m, models.Errorf(models.KindInvalid, "Invalid model name (%s) provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%%', '\"', \"'\")", m.Name)
	}
	if err := models.CheckLength("name", m.Name, maxModelName); err != nil {
		return m, err
	}
	var err error
	if m.Params, err = s.checkModelParams(m.Params); err != nil {
		return m, err
	}
	if err := checkModelTags(m.Tags); err != nil {
		return m, err
	}
	id := s.NewID()
	if m.Name == "" {
		m.Name = nameOf(id)
	}
	m.ID, m.Status = "m-"+id, models.LoggedModelPending
	m.CreatedMS = s.nowMS()
	m.UpdatedMS = m.CreatedMS
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		e, err := ActiveExperiment(tx, m.ExperimentID)
		if err != nil {
			return err
		}
		m.ArtifactURI = models.JoinURI(e.ArtifactLocation, "models", m.ID, "artifacts")
		m.Key, err = tx.LoggedModels().Create(m)
		return err
	})
	return m, err
}

func (s *Service) checkModelParams(params []models.Param) ([]models.Param, error) {
	out := make([]models.Param, len(params))
	seen := make(map[string]bool, len(params))
	for i, p := range params {
		if err := models.CheckLength(fmt.Sprintf("params[%d].key", i), p.Key, maxModelKey); err != nil {
			return nil, err
		}
		value, err := s.cut("value of "+p.Key, p.Value, maxParamValue)
		if err != nil {
			return nil, err
		}
		if seen[p.Key] {
			return nil, models.Errorf(models.KindInvalid, "Duplicate parameter keys have been submitted: ['%s'].", p.Key)
		}
		seen[p.Key], out[i] = true, models.Param{Key: p.Key, Value: value}
	}
	return out, nil
}

func checkModelTags(tags []models.Tag) error {
	for i, tag := range tags {
		if err := models.CheckLength(fmt.Sprintf("tags[%d].key", i), tag.Key, maxModelKey); err != nil {
			return err
		}
	}
	return nil
}

// LoggedModel reads a logged model with its data.
func (s *Service) LoggedModel(ctx context.Context, id string) (m models.LoggedModel, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		m, err = tx.LoggedModels().Load(id)
		return err
	})
	return m, err
}

// FinalizeLoggedModel says whether a logged model's files are there.
func (s *Service) FinalizeLoggedModel(ctx context.Context, id string, status models.LoggedModelStatus) (m models.LoggedModel, err error) {
	err = s.changeModel(ctx, id, func(tx storage.Tx, found models.LoggedModel) error {
		if err := tx.LoggedModels().Update(found.Key, models.LoggedModelUpdate{Status: &status, UpdatedMS: s.nowMS()}); err != nil {
			return err
		}
		m, err = tx.LoggedModels().Load(id)
		return err
	})
	return m, err
}

func (s *Service) changeModel(ctx context.Context, id string, fn func(tx storage.Tx, m models.LoggedModel) error) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		m, err := tx.LoggedModels().Find(id)
		if err != nil {
			return err
		}
		return fn(tx, m)
	})
}

// DeleteLoggedModel marks a logged model deleted; again is the same.
func (s *Service) DeleteLoggedModel(ctx context.Context, id string) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		m, err := tx.LoggedModels().Find(id)
		if models.IsKind(err, models.KindNotFound) {
			if deleted, failed := tx.LoggedModels().IsDeleted(id); deleted || failed != nil {
				return failed
			}
		}
		if err != nil {
			return err
		}
		return tx.LoggedModels().Update(m.Key, models.LoggedModelUpdate{Deleted: true, UpdatedMS: s.nowMS()})
	})
}

// LogModelParams stores params of a logged model, which are written once.
func (s *Service) LogModelParams(ctx context.Context, id string, params []models.Param) error {
	params, err := s.checkModelParams(params)
	if err != nil {
		return err
	}
	return s.changeModel(ctx, id, func(tx storage.Tx, m models.LoggedModel) error {
		return tx.LoggedModels().LogParams(m.Key, params)
	})
}

// SetModelTags sets tags of a logged model.
func (s *Service) SetModelTags(ctx context.Context, id string, tags []models.Tag) error {
	if err := checkModelTags(tags); err != nil {
		return err
	}
	return s.changeModel(ctx, id, func(tx storage.Tx, m models.LoggedModel) error {
		return tx.LoggedModels().SetTags(m.Key, tags)
	})
}

// DeleteModelTag removes a tag of a logged model; an absent one is not_found.
func (s *Service) DeleteModelTag(ctx context.Context, id, key string) error {
	return s.changeModel(ctx, id, func(tx storage.Tx, m models.LoggedModel) error {
		return tx.LoggedModels().DeleteTag(m.Key, key)
	})
}

// ModelOrder is one term of an ordering of logged models.
type ModelOrder struct {
	Field                      string
	Desc                       bool
	DatasetName, DatasetDigest string
}

// ModelQuery is a search of logged models as its caller writes it.
type ModelQuery struct {
	ExperimentIDs []int64
	Filter        string
	Datasets      []models.DatasetRefByDigest
	OrderBy       []ModelOrder
	MaxResults    int64
	PageToken     string
}

func (q ModelQuery) compile() (out models.Search, of string, err error) {
	vocabulary := search.LoggedModels()
	out, _, err = search.Query{Filter: q.Filter, View: models.ViewActive, MaxResults: q.MaxResults}.Compile(vocabulary, maxModelSearch)
	if err != nil {
		return out, "", err
	}
	for _, o := range q.OrderBy {
		term, err := vocabulary.Field(o.Field, o.Desc)
		if err != nil {
			return out, "", err
		}
		term.DatasetName, term.DatasetDigest = o.DatasetName, o.DatasetDigest
		out.Order = append(out.Order, term)
	}
	out.ExperimentIDs, out.Datasets = q.ExperimentIDs, q.Datasets
	of = search.Name([]any{q.ExperimentIDs, q.Filter, q.Datasets, q.OrderBy})
	return out, of, search.Begin(&out, q.PageToken, of)
}

// SearchLoggedModels finds logged models of experiments, the newest first.
func (s *Service) SearchLoggedModels(ctx context.Context, q ModelQuery) (found []models.LoggedModel, next string, err error) {
	compiled, of, err := q.compile()
	if err != nil || len(q.ExperimentIDs) == 0 {
		return nil, "", err
	}
	var at models.Position
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		found, at, err = tx.LoggedModels().Search(compiled)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("search logged models: %w", err)
	}
	return found, search.Token(at, of), nil
}

package registry

import (
	"context"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// Query is a search as a client asks it.
type Query struct {
	Filter    string
	OrderBy   []string
	PageToken string
	Limit     int
}

// FoundModel is a registered model with the newest version of each stage.
type FoundModel struct {
	models.RegisteredModel
	Latest []models.Version
}

// SearchModels gives a page of registered models and the token of the next
// one, "" at the end. Prompts are found only by who asks for them.
func (s *Service) SearchModels(ctx context.Context, q Query) (found []FoundModel, next string, err error) {
	query, err := parse(search.RegisteredModels(), q)
	if err != nil {
		return nil, "", err
	}
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		list, err := tx.RegisteredModels().Search(query)
		if err != nil {
			return err
		}
		list, next = page(list, q, query.Offset)
		ids := make([]int64, len(list))
		for i, m := range list {
			ids[i] = m.ID
		}
		latest, err := tx.Versions().LatestOf(ids)
		found = make([]FoundModel, len(list))
		for i, m := range list {
			found[i] = FoundModel{m, latest[m.ID]}
		}
		return err
	})
	return found, next, err
}

// SearchVersions gives a page of versions and the token of the next one.
func (s *Service) SearchVersions(ctx context.Context, q Query) (list []models.Version, next string, err error) {
	query, err := parse(search.ModelVersions(), q)
	if err != nil {
		return nil, "", err
	}
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		found, err := tx.Versions().Search(query)
		list, next = page(found, q, query.Offset)
		return err
	})
	return list, next, err
}

func parse(v search.Vocabulary, q Query) (query models.Search, err error) {
	if query.Filter, err = v.Filter(q.Filter); err != nil {
		return query, err
	}
	if query.Order, err = v.Order(q.OrderBy); err != nil {
		return query, err
	}
	if query.Offset, err = search.Offset(q.PageToken, ""); err != nil {
		return query, err
	}
	query.Filter = withoutPrompts(query.Filter)
	query.Limit = q.Limit + 1 // one more tells whether there is a next page
	return query, nil
}

// withoutPrompts leaves prompts to those who ask for them. Asking for what is
// no prompt finds what lacks the tag.
func withoutPrompts(filter []models.Condition) []models.Condition {
	noPrompt := models.Condition{Entity: models.EntityTag, Key: models.PromptTag, Op: models.OpIsNull}
	for i, c := range filter {
		if c.Entity != models.EntityTag || c.Key != models.PromptTag {
			continue
		}
		if c.Op == models.OpEqual && c.Text == "false" || c.Op == models.OpNotEqual && c.Text == "true" {
			filter[i] = noPrompt
		}
		return filter
	}
	return append(filter, noPrompt)
}

func page[T any](found []T, q Query, offset int) ([]T, string) {
	if len(found) <= q.Limit {
		return found, ""
	}
	return found[:q.Limit], search.Token(offset+q.Limit, "")
}

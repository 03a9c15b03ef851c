package registry

import (
	"context"
	"slices"
	"strings"

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
	query, of, err := parse(search.RegisteredModels(), q)
	if err != nil {
		return nil, "", err
	}
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		list, at, err := tx.RegisteredModels().Search(query)
		if err != nil {
			return err
		}
		next = search.Token(at, of)
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
	query, of, err := parse(search.ModelVersions(), q)
	if err != nil {
		return nil, "", err
	}
	var at models.Position
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		list, at, err = tx.Versions().Search(query)
		return err
	})
	return list, search.Token(at, of), err
}

func parse(v search.Vocabulary, q Query) (query models.Search, of string, err error) {
	if query.Filter, err = v.Filter(q.Filter); err != nil {
		return query, "", err
	}
	if query.Order, err = v.Order(q.OrderBy); err != nil {
		return query, "", err
	}
	query.Filter, query.Limit = withoutPrompts(query.Filter), q.Limit
	of = search.Name(query.Order)
	return query, of, search.Begin(&query, q.PageToken, of)
}

// withoutPrompts leaves prompts to those who ask for them, by
// tags.`mlflow.prompt.is_prompt` = 'true' or != 'false' as the first clause on
// that tag. Whatever else is said of it then finds what is no prompt: models
// lack the tag, so that no comparison could.
func withoutPrompts(filter []models.Condition) []models.Condition {
	isPrompt := func(c models.Condition) bool { return c.Entity == models.EntityTag && c.Key == models.PromptTag }
	if i := slices.IndexFunc(filter, isPrompt); i >= 0 {
		c := filter[i]
		if c.Op == models.OpEqual && strings.EqualFold(c.Text, "true") || c.Op == models.OpNotEqual && strings.EqualFold(c.Text, "false") {
			return filter
		}
	}
	return append(slices.DeleteFunc(filter, isPrompt), models.Condition{Entity: models.EntityTag, Key: models.PromptTag, Op: models.OpLacks, Text: "true"})
}

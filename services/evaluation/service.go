package evaluation

import (
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// Service keeps evaluation datasets, issues and scorers.
type Service struct {
	DB    storage.DB
	Now   func() time.Time
	NewID func() string // 32 hex digits that grow with time
}

func (s *Service) nowMS() int64 { return s.Now().UnixMilli() }

// Query is a search as its caller writes it.
type Query struct {
	ExperimentIDs []int64 // none: all
	Filter        string
	OrderBy       []string
	MaxResults    int64
	PageToken     string
}

const maxPage = 50_000

// compile reads a query's texts by a noun's vocabulary. of names the search in
// its page tokens.
func (q Query) compile(v search.Vocabulary) (out models.Search, of string, err error) {
	if q.MaxResults < 1 || q.MaxResults > maxPage {
		return out, "", models.InvalidValue("max_results", q.MaxResults, "It must be at least 1 and at most "+strconv.Itoa(maxPage)+".")
	}
	if out.Filter, err = v.Filter(q.Filter); err != nil {
		return out, "", err
	}
	if out.Order, err = v.Order(q.OrderBy); err != nil {
		return out, "", err
	}
	out.ExperimentIDs, out.Limit = q.ExperimentIDs, int(q.MaxResults)
	of = search.Name(out.Order)
	return out, of, search.Begin(&out, q.PageToken, of)
}

// present tells that all of these experiments exist, deleted ones too.
func present(tx storage.Tx, experimentIDs []int64) error {
	for _, id := range experimentIDs {
		if _, err := tx.Experiments().Get(id); err != nil {
			return err
		}
	}
	return nil
}

// active tells that an experiment exists and is not deleted.
func active(tx storage.Tx, experimentID int64) error {
	e, err := tx.Experiments().Get(experimentID)
	if err == nil && e.Lifecycle != models.LifecycleActive {
		err = models.Errorf(models.KindInvalid, "The experiment %d must be in the 'active' state. Current state is %s.", experimentID, e.Lifecycle)
	}
	return err
}

// checkLengths refuses texts that are too long: a name, the text, its limit.
func checkLengths(rules ...lengthRule) error {
	for _, r := range rules {
		if err := models.CheckLength(r.field, r.text, r.limit); err != nil {
			return err
		}
	}
	return nil
}

type lengthRule struct {
	field, text string
	limit       int
}

package search

import (
	"strconv"

	"github.com/slipway-ml/slipway/models"
)

// Query is a search as its caller writes it.
type Query struct {
	ExperimentIDs []int64 // none: all, where the search is not told them otherwise
	Filter        string
	OrderBy       []string
	View          models.ViewType
	MaxResults    int64
	PageToken     string
}

// Compile reads a query's texts by a noun's vocabulary, for pages of so many at
// most. of names the search in its page tokens.
func (q Query) Compile(v Vocabulary, most int64) (out models.Search, of string, err error) {
	if err := PageSize(q.MaxResults, most); err != nil {
		return out, "", err
	}
	if out.Filter, err = v.Filter(q.Filter); err != nil {
		return out, "", err
	}
	if out.Order, err = v.Order(q.OrderBy); err != nil {
		return out, "", err
	}
	out.ExperimentIDs, out.View, out.Limit = q.ExperimentIDs, q.View, int(q.MaxResults)
	of = Name(out.Order)
	return out, of, Begin(&out, q.PageToken, of)
}

// PageSize checks max_results.
func PageSize(n, most int64) error {
	if n < 1 || n > most {
		return models.InvalidValue("max_results", n, "It must be at least 1 and at most "+strconv.FormatInt(most, 10)+".")
	}
	return nil
}

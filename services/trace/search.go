package trace

import (
	"context"
	"math"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// Search finds traces of experiments, the newest first.
func (s *Service) Search(ctx context.Context, q search.Query) (found []models.Trace, next string, err error) {
	compiled, of, err := q.Compile(search.Traces(), maxPage)
	if err != nil {
		return nil, "", err
	}
	if err := meant(compiled.Filter); err != nil {
		return nil, "", err
	}
	for i, o := range compiled.Order {
		if o.Entity == models.EntityAttribute {
			compiled.Order[i].Entity, compiled.Order[i].Key = meaning(o.Key)
		}
	}
	var at models.Position
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		found, at, err = tx.Traces().Search(compiled)
		return err
	})
	return found, search.Token(at, of), err
}

// meant puts in their place attributes that are tags, metadata or spans in
// truth.
func meant(list []models.Condition) error {
	for i, c := range list {
		switch {
		case c.Entity == models.EntityMetadata && c.Key == models.MetaSourceRun && c.Op == models.OpEqual:
			list[i].Entity, list[i].Key = models.EntityAttribute, "run_id"
		case c.Entity != models.EntityAttribute || (c.Key == "run_id" && c.Op == models.OpEqual):
		case c.Key == "prompt" && strings.Count(c.Text, "/") != 1:
			return models.Errorf(models.KindInvalid, "Invalid prompts filter value '%s'. Expected format: prompt = \"name/version\"", c.Text)
		default:
			list[i].Entity, list[i].Key = meaning(c.Key)
		}
	}
	return nil
}

func meaning(attribute string) (models.Entity, string) {
	switch attribute {
	case "name":
		return models.EntityTag, models.TagTraceName
	case "run_id":
		return models.EntityMetadata, models.MetaSourceRun
	case "text":
		return models.EntitySpan, "content"
	}
	return models.EntityAttribute, attribute
}

// Correlation tells how often two filters hold together.
type Correlation struct {
	NPMI, Smoothed              float64 // NaN: not defined
	First, Second, Joint, Total int64
}

// Correlate counts in how many traces of experiments two filters hold, among
// those for which base does.
func (s *Service) Correlate(ctx context.Context, experimentIDs []int64, first, second, base string) (c Correlation, err error) {
	var parts [3][]models.Condition
	for i, text := range []string{base, first, second} {
		if parts[i], err = search.Traces().Filter(text); err != nil {
			return c, err
		}
		if err := meant(parts[i]); err != nil {
			return c, err
		}
	}
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		for _, count := range []struct {
			into *int64
			of   []int
		}{{&c.Total, []int{0}}, {&c.First, []int{0, 1}}, {&c.Second, []int{0, 2}}, {&c.Joint, []int{0, 1, 2}}} {
			q := models.Search{ExperimentIDs: experimentIDs}
			for _, i := range count.of {
				q.Filter = append(q.Filter, parts[i]...)
			}
			if *count.into, err = tx.Traces().Count(q); err != nil {
				return err
			}
		}
		return nil
	})
	c.NPMI, c.Smoothed = c.npmi(0), c.npmi(0.5)
	if c.Joint == 0 && !math.IsNaN(c.Smoothed) {
		c.NPMI = -1
	}
	return c, err
}

// npmi is the normalized pointwise mutual information of the two filters, with
// so much added to each of the four cells.
func (c Correlation) npmi(added float64) float64 {
	both, one, two := float64(c.Joint), float64(c.First-c.Joint), float64(c.Second-c.Joint)
	none := float64(c.Total) - both - one - two
	if c.First == 0 || c.Second == 0 || min(one, two, none) < 0 {
		return math.NaN()
	}
	n11, first, second := both+added, both+one+2*added, both+two+2*added
	all := float64(c.Total) + 4*added
	switch {
	case first <= 0 || second <= 0 || n11 <= 0:
		return math.NaN()
	case one == 0 && two == 0 && none == 0:
		return 1
	}
	pmi := math.Log(n11) + math.Log(all) - math.Log(first) - math.Log(second)
	return max(-1, min(1, pmi/(math.Log(all)-math.Log(n11))))
}

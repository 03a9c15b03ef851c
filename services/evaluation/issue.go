package evaluation

import (
	"cmp"
	"context"
	"fmt"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

const maxIssueName = 250

// CreateIssue stores an issue of an active experiment.
func (s *Service) CreateIssue(ctx context.Context, i models.Issue) (models.Issue, error) {
	if err := cmp.Or(models.CheckLength("name", i.Name, maxIssueName), models.CheckLength("created_by", i.CreatedBy, maxName)); err != nil {
		return i, err
	}
	if i.Status == "" {
		i.Status = models.IssuePending
	}
	i.ID, i.CreatedMS = "iss-"+s.NewID(), s.nowMS()
	i.UpdatedMS = i.CreatedMS
	return i, s.DB.InTx(ctx, func(tx storage.Tx) error {
		e, err := tx.Experiments().Get(i.ExperimentID)
		if err != nil {
			return err
		}
		if e.Lifecycle != models.LifecycleActive {
			return models.Errorf(models.KindNotFound, "No Experiment with id=%d exists that is active; it is %s", i.ExperimentID, e.Lifecycle)
		}
		if i.SourceRunID != "" {
			if _, err := tx.Runs().Find(i.SourceRunID); err != nil {
				return err
			}
		}
		return tx.Issues().Create(i)
	})
}

// Issue reads an issue.
func (s *Service) Issue(ctx context.Context, id string) (i models.Issue, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		i, err = tx.Issues().Find(id)
		return err
	})
	return i, err
}

// UpdateIssue changes an issue and gives it.
func (s *Service) UpdateIssue(ctx context.Context, id string, u models.IssueUpdate) (i models.Issue, err error) {
	if u.Name != nil {
		if err := models.CheckLength("name", *u.Name, maxIssueName); err != nil {
			return i, err
		}
	}
	u.UpdatedMS = s.nowMS()
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		if i, err = tx.Issues().Find(id); err != nil {
			return err
		}
		if err := tx.Issues().Update(i.Key, u); err != nil {
			return err
		}
		i, err = tx.Issues().Find(id)
		return err
	})
	return i, err
}

// SearchIssues finds issues, the worst first, then the newest; byTraces counts
// each one's traces.
func (s *Service) SearchIssues(ctx context.Context, q search.Query, byTraces bool) (found []models.Issue, next string, err error) {
	compiled, of, err := q.Compile(search.Issues(), maxPage)
	if err != nil {
		return nil, "", err
	}
	var at models.Position
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		found, at, err = tx.Issues().Search(compiled, byTraces)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("search issues: %w", err)
	}
	return found, search.Token(at, of), nil
}

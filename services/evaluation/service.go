package evaluation

import (
	"time"

	"github.com/slipway-ml/slipway/storage"
)

// Service keeps evaluation datasets, issues and scorers.
type Service struct {
	DB    storage.DB
	Now   func() time.Time
	NewID func() string // 32 hex digits that grow with time
}

func (s *Service) nowMS() int64 { return s.Now().UnixMilli() }

const maxPage = 50_000

// present tells that all of these experiments exist, deleted ones too.
func present(tx storage.Tx, experimentIDs []int64) error {
	for _, id := range experimentIDs {
		if _, err := tx.Experiments().Get(id); err != nil {
			return err
		}
	}
	return nil
}

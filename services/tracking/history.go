package tracking

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// The limits of reading several histories at once.
const (
	maxBulkRuns   = 100
	maxBulkPoints = 25_000
	maxSample     = 2_500
)

// historyChunk is how many points of a history are in memory at once.
const historyChunk = 5_000

// MetricHistory reads a page of a metric's points, by time, step and value, and
// hands them to each, some at a time; size nil reads all of them. No database
// connection is held while each runs, and no memory grows with the history.
func (s *Service) MetricHistory(ctx context.Context, runID, key string, size *int64, token string, each func([]models.Metric) error) (next string, err error) {
	q := models.HistoryQuery{Key: key}
	if q.After, err = readToken(token); err != nil {
		return "", err
	}
	left := int64(math.MaxInt64)
	if size != nil {
		if err := search.PageSize(*size, math.MaxInt32); err != nil {
			return "", err
		}
		left = *size
	}
	if err := checkRunID(runID); err != nil {
		return "", err
	}
	var run models.Run
	for {
		want := int(min(left, historyChunk))
		q.Limit = want + 1 // one more tells whether there is more
		var points []models.Metric
		err := s.DB.Look(ctx, func(tx storage.Tx) (err error) {
			if run.Key == 0 {
				if run, err = tx.Runs().Find(runID); err != nil {
					return err
				}
			}
			points, err = tx.Metrics().History(run.Key, q)
			return err
		})
		if err != nil {
			return "", err
		}
		if len(points) <= want {
			return "", each(points)
		}
		points = points[:want]
		if err := each(points); err != nil {
			return "", err
		}
		last := points[want-1]
		if left -= int64(want); left == 0 {
			return writeToken(last), nil
		}
		q.After = &last
	}
}

// place is a point as a page token holds it.
type place struct {
	Time  *int64  `json:"t"`
	Step  int64   `json:"s"`
	Value float64 `json:"v"`
	NaN   bool    `json:"n,omitempty"`
}

func writeToken(m models.Metric) string {
	p := place{Time: &m.TimestampMS, Step: m.Step, Value: m.Value}
	if math.IsNaN(m.Value) {
		p.Value, p.NaN = 0, true
	}
	text, _ := json.Marshal(p)
	return base64.StdEncoding.EncodeToString(text)
}

func readToken(token string) (*models.Metric, error) {
	if token == "" {
		return nil, nil
	}
	var p place
	text, err := base64.StdEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(text, &p)
	}
	if err != nil || p.Time == nil {
		return nil, models.Errorf(models.KindInvalid, "Invalid page token '%.100s': give back the next_page_token of the answer before, as it stands", token)
	}
	m := models.Metric{TimestampMS: *p.Time, Step: p.Step, Value: p.Value}
	if p.NaN {
		m.Value = math.NaN()
	}
	return &m, nil
}

// BulkHistory reads the points of one metric of several runs, ordered by run
// id, time, step and value; at most size of them.
func (s *Service) BulkHistory(ctx context.Context, runIDs []string, key string, size int64) (points []models.Metric, err error) {
	if err := search.PageSize(size, maxBulkPoints); err != nil {
		return nil, err
	}
	return s.eachRun(ctx, runIDs, func(tx storage.Tx, run models.Run, have int) ([]models.Metric, error) {
		if have >= int(size) {
			return nil, nil
		}
		return tx.Metrics().History(run.Key, models.HistoryQuery{Key: key, Limit: int(size) - have})
	})
}

// SampledHistory reads at most size points of one metric of each run, evenly
// spread over its steps, the first and the last always.
func (s *Service) SampledHistory(ctx context.Context, runIDs []string, key string, within *models.StepRange, size int64) ([]models.Metric, error) {
	if size < 1 || size > maxSample {
		return nil, models.Errorf(models.KindInvalid, "max_results must be between 1 and %d", maxSample)
	}
	if within != nil && within.From > within.To {
		return nil, models.Errorf(models.KindInvalid, "end_step must be greater than start_step. Found start_step=%d and end_step=%d.", within.From, within.To)
	}
	return s.eachRun(ctx, runIDs, func(tx storage.Tx, run models.Run, _ int) ([]models.Metric, error) {
		return tx.Metrics().Sample(run.Key, key, within, int(size))
	})
}

// eachRun gathers what fn reads of each run, in the order of run ids.
func (s *Service) eachRun(ctx context.Context, runIDs []string, fn func(tx storage.Tx, run models.Run, have int) ([]models.Metric, error)) (points []models.Metric, err error) {
	runIDs = slices.Compact(slices.SortedFunc(slices.Values(runIDs), cmp.Compare[string]))
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		points = nil
		for _, id := range runIDs {
			run, err := tx.Runs().Find(id)
			if err != nil {
				return err
			}
			more, err := fn(tx, run, len(points))
			if err != nil {
				return err
			}
			for i := range more {
				more[i].RunID = id
			}
			points = append(points, more...)
		}
		return nil
	})
	return points, err
}

// CheckBulk refuses too many runs in one call.
func CheckBulk(call string, runIDs []string) error {
	if len(runIDs) > maxBulkRuns {
		return models.Errorf(models.KindInvalid, "%s request must specify at most %d run_ids. Received %d run_ids.", call, maxBulkRuns, len(runIDs))
	}
	return nil
}

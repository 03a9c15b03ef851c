package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type gcRow struct {
	ID            int64 `gorm:"primaryKey"`
	Unfinished    *int64
	State         models.GCState
	Reason        string
	DryRun        int64
	OlderThanUS   int64 `gorm:"column:older_than_us"`
	Report        string
	ProgressDone  int64
	ProgressTotal int64
	ProgressUnit  string
	CreatedUS     int64 `gorm:"column:created_us"`
	CreatedBy     string
	StartedUS     *int64 `gorm:"column:started_us"`
	EndedUS       *int64 `gorm:"column:ended_us"`
}

func (gcRow) TableName() string { return "gc" }

func (r gcRow) model() (models.GC, error) {
	g := models.GC{
		ID: r.ID, State: r.State, Reason: r.Reason, DryRun: r.DryRun != 0, OlderThan: time.Duration(r.OlderThanUS) * time.Microsecond,
		Progress:  models.Progress{Done: r.ProgressDone, Total: r.ProgressTotal, Unit: r.ProgressUnit},
		CreatedAt: fromMicros(r.CreatedUS), CreatedBy: r.CreatedBy, StartedAt: timeOf(r.StartedUS), EndedAt: timeOf(r.EndedUS),
	}
	if err := json.Unmarshal([]byte(r.Report), &g.Report); err != nil {
		return g, fmt.Errorf("decode the report of gc %d: %w", r.ID, err)
	}
	return g, nil
}

type gcStore struct{ *tx }

// GCs implements storage.Tx.
func (t *tx) GCs() storage.GCStore { return gcStore{t} }

// Create implements storage.GCStore.
func (t gcStore) Create(g models.GC) (models.GC, error) {
	now, err := t.Now()
	if err != nil {
		return g, err
	}
	row := gcRow{
		Unfinished: new(int64(1)), State: models.GCPending, OlderThanUS: g.OlderThan.Microseconds(), Report: "{}",
		CreatedUS: now.UnixMicro(), CreatedBy: models.PrincipalOf(t.ctx).Name,
	}
	if g.DryRun {
		row.DryRun = 1
	}
	if err := t.db.Create(&row).Error; err != nil {
		if errors.Is(err, gorm.ErrDuplicatedKey) {
			return g, models.Errorf(models.KindConflict, "another gc is under way: wait for its end")
		}
		return g, err
	}
	return row.model()
}

// Get implements storage.GCStore.
func (t gcStore) Get(id int64) (models.GC, error) {
	return t.one(t.db.Where("id = ?", id), "there is no gc %d", id)
}

// Unfinished implements storage.GCStore.
func (t gcStore) Unfinished() (models.GC, error) {
	return t.one(t.db.Where("unfinished = 1"), "no gc is under way")
}

func (t gcStore) one(q *gorm.DB, missing string, args ...any) (models.GC, error) {
	var row gcRow
	if err := q.Take(&row).Error; err != nil {
		return models.GC{}, notFound(err, missing, args...)
	}
	return row.model()
}

// List implements storage.GCStore.
func (t gcStore) List(below int64, limit int) ([]models.GC, error) {
	q := t.db.Order("id DESC").Limit(limit)
	if below > 0 {
		q = q.Where("id < ?", below)
	}
	var rows []gcRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]models.GC, len(rows))
	for i, r := range rows {
		var err error
		if list[i], err = r.model(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Save implements storage.GCStore.
func (t gcStore) Save(g models.GC) error {
	now, err := t.Now()
	if err != nil {
		return err
	}
	report, err := json.Marshal(g.Report)
	if err != nil {
		return err
	}
	set := map[string]any{
		"state": g.State, "reason": g.Reason, "report": string(report),
		"progress_done": g.Progress.Done, "progress_total": g.Progress.Total, "progress_unit": g.Progress.Unit,
	}
	switch {
	case g.State.Final():
		set["unfinished"], set["ended_us"] = nil, now.UnixMicro()
	case g.StartedAt == nil && g.State == models.GCRunning:
		set["started_us"] = now.UnixMicro()
	}
	return t.db.Model(&gcRow{}).Where("id = ?", g.ID).Updates(set).Error
}

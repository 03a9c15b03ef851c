// Package monitor shows Prometheus the figures of the versions that take
// traffic or are about to: what their authors logged and what validation
// measured, so that both stand in one panel beside the live error rate.
package monitor

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// maxFigures bounds the series of one version, by each source.
const maxFigures = 100

var figureDesc = prometheus.NewDesc("slipway_model_metric",
	"A metric of a live or candidate version: logged with its run, or measured by its validation.",
	[]string{"model", "version", "metric", "source"}, nil)

// Collector implements prometheus.Collector. It reads the database at each
// scrape; a release that retires takes its series with it.
type Collector struct {
	DB  storage.DB
	Log *slog.Logger
}

// Describe implements prometheus.Collector.
func (c Collector) Describe(out chan<- *prometheus.Desc) { out <- figureDesc }

// Collect implements prometheus.Collector. A database that is away leaves its
// series out and the rest of the scrape whole.
func (c Collector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var found []figure
	err := c.DB.View(ctx, func(tx storage.Tx) (err error) {
		found, err = figures(tx)
		return err
	})
	if err != nil {
		c.Log.WarnContext(ctx, "figures of versions not read", "error", err)
		return
	}
	for _, f := range found {
		out <- prometheus.MustNewConstMetric(figureDesc, prometheus.GaugeValue, f.value,
			f.model, strconv.FormatInt(f.version, 10), f.metric, f.source)
	}
}

type figure struct {
	model   string
	version int64
	metric  string
	source  string
	value   float64
}

func figures(tx storage.Tx) ([]figure, error) {
	up, err := tx.Releases().Up()
	if err != nil {
		return nil, err
	}
	var all []figure
	seen := map[int64]bool{}
	for _, r := range up {
		if seen[r.VersionID] {
			continue
		}
		seen[r.VersionID] = true
		logged, err := logged(tx, r.VersionID)
		if err != nil {
			return nil, err
		}
		measured, err := measured(tx, r.VersionID)
		if err != nil {
			return nil, err
		}
		for _, f := range slices.Concat(capped(logged), capped(measured)) {
			f.model, f.version = r.Model, r.Version
			all = append(all, f)
		}
	}
	return all, nil
}

// logged gives the latest metrics of the version's run.
func logged(tx storage.Tx, versionID int64) ([]figure, error) {
	v, err := tx.Versions().Get(versionID)
	if err != nil || v.RunID == "" {
		return nil, ignore(err)
	}
	run, err := tx.Runs().Load(v.RunID)
	if err != nil {
		return nil, ignore(err)
	}
	var found []figure
	for _, m := range run.Metrics {
		found = append(found, figure{metric: m.Key, value: m.Value, source: "logged"})
	}
	return found, nil
}

// measured gives what the version's newest validation measured.
func measured(tx storage.Tx, versionID int64) ([]figure, error) {
	v, err := tx.Validations().Latest(versionID)
	if err != nil {
		return nil, ignore(err)
	}
	var found []figure
	for _, step := range v.Steps {
		for _, m := range step.Measurements {
			found = append(found, figure{metric: m.Name, value: m.Value, source: "validated"})
		}
	}
	return found, nil
}

// ignore lets a version without a run or a validation go without figures.
func ignore(err error) error {
	if models.IsKind(err, models.KindNotFound) {
		return nil
	}
	return err
}

// capped leaves NaN and repeated names out and keeps the first by name.
func capped(found []figure) []figure {
	found = slices.DeleteFunc(found, func(f figure) bool { return math.IsNaN(f.value) })
	slices.SortStableFunc(found, func(a, b figure) int { return cmp.Compare(a.metric, b.metric) })
	found = slices.CompactFunc(found, func(a, b figure) bool { return a.metric == b.metric })
	return found[:min(len(found), maxFigures)]
}

package tracking

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// CreateExperiment stores an experiment and gives its id; a taken name is
// exists, be it a deleted experiment's.
func (s *Service) CreateExperiment(ctx context.Context, name, location string, tags []models.Tag) (id int64, err error) {
	if err := models.CheckLength("name", name, maxExperimentName); err != nil {
		return 0, err
	}
	if location, err = checkLocation(location); err != nil {
		return 0, err
	}
	for _, tag := range tags {
		if err := checkExperimentTag(tag); err != nil {
			return 0, err
		}
	}
	now := s.nowMS()
	e := models.Experiment{Name: name, ArtifactLocation: location, CreatedMS: now, UpdatedMS: now, Tags: tags}
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		if id, err = tx.Experiments().Create(e); err != nil || location != "" {
			return err
		}
		return tx.Experiments().SetLocation(id, s.location(id))
	})
	return id, err
}

func checkExperimentTag(tag models.Tag) error {
	if err := models.CheckKey("key", tag.Key, maxKey); err != nil {
		return err
	}
	return models.CheckLength("value", tag.Value, maxExperimentValue)
}

// checkLocation refuses an artifact location from which a path could escape,
// and makes a bare path absolute.
func checkLocation(location string) (string, error) {
	if location == "" {
		return "", nil
	}
	const maxLocation = 2048
	if err := models.CheckLength("artifact_location", location, maxLocation); err != nil {
		return "", err
	}
	scheme, _, found := strings.Cut(location, ":")
	isURI := found && schemeForm.MatchString(scheme)
	switch {
	case isURI && (scheme == "runs" || scheme == "models"):
		return "", models.InvalidValue("artifact_location", location, "Artifact location cannot be a "+scheme+":/ URI")
	case strings.ContainsAny(location, "#;"):
		return "", models.InvalidValue("artifact_location", location, "URL can't include fragments or params")
	case escapes(location):
		return "", models.InvalidValue("artifact_location", location, "a location holds no '..'")
	case isURI:
		return location, nil
	}
	return filepath.Abs(location)
}

var schemeForm = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.\-]*$`)

// escapes tells whether a text holds "..", percent-encoded any number of times.
func escapes(text string) bool {
	for range 10 {
		if strings.Contains(text, "..") {
			return true
		}
		plain, err := url.PathUnescape(text)
		if err != nil || plain == text {
			return err != nil
		}
		text = plain
	}
	return true
}

// Experiment reads an experiment, deleted ones too.
func (s *Service) Experiment(ctx context.Context, id int64) (e models.Experiment, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		e, err = tx.Experiments().Get(id)
		return err
	})
	return e, err
}

// ExperimentByName reads an experiment, deleted ones too.
func (s *Service) ExperimentByName(ctx context.Context, name string) (e models.Experiment, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		e, err = tx.Experiments().ByName(name)
		return err
	})
	return e, err
}

// RenameExperiment gives an active experiment another name.
func (s *Service) RenameExperiment(ctx context.Context, id int64, name string) error {
	if err := models.CheckLength("new_name", name, maxExperimentName); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		e, err := tx.Experiments().Get(id)
		if err != nil {
			return err
		}
		if e.Lifecycle != models.LifecycleActive {
			return models.Errorf(models.KindInvalid, "Cannot rename a non-active experiment. The experiment %d must be in the 'active' state. Current state is %s.", id, e.Lifecycle)
		}
		return tx.Experiments().Update(id, models.ExperimentUpdate{Name: &name, UpdatedMS: s.nowMS()})
	})
}

// changeExperiment runs fn if the experiment is active.
func (s *Service) changeExperiment(ctx context.Context, id int64, fn func(tx storage.Tx) error) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		if _, err := ActiveExperiment(tx, id); err != nil {
			return err
		}
		return fn(tx)
	})
}

// ActiveExperiment finds an experiment that can be added to.
func ActiveExperiment(tx storage.Tx, id int64) (models.Experiment, error) {
	e, err := tx.Experiments().Get(id)
	if err == nil {
		err = e.CheckActive()
	}
	return e, err
}

// DeleteExperiment marks an active experiment and its active runs deleted.
func (s *Service) DeleteExperiment(ctx context.Context, id int64) error {
	return s.setLifecycle(ctx, id, models.LifecycleActive, models.LifecycleDeleted)
}

// RestoreExperiment makes a deleted experiment and all its runs active.
func (s *Service) RestoreExperiment(ctx context.Context, id int64) error {
	return s.setLifecycle(ctx, id, models.LifecycleDeleted, models.LifecycleActive)
}

func (s *Service) setLifecycle(ctx context.Context, id int64, from, to models.Lifecycle) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		e, err := tx.Experiments().Get(id)
		if err != nil {
			return err
		}
		if e.Lifecycle != from {
			return models.Errorf(models.KindNotFound, "No Experiment with id=%d exists that is %s; it is %s", id, from, e.Lifecycle)
		}
		now := s.nowMS()
		if err := tx.Experiments().Update(id, models.ExperimentUpdate{Lifecycle: &to, UpdatedMS: now}); err != nil {
			return err
		}
		return tx.Runs().SetLifecycleIn(id, to, now)
	})
}

// SetExperimentTag sets a tag of an active experiment.
func (s *Service) SetExperimentTag(ctx context.Context, id int64, tag models.Tag) error {
	if err := checkExperimentTag(tag); err != nil {
		return err
	}
	return s.changeExperiment(ctx, id, func(tx storage.Tx) error { return tx.Experiments().SetTag(id, tag) })
}

// DeleteExperimentTag removes a tag of an active experiment.
func (s *Service) DeleteExperimentTag(ctx context.Context, id int64, key string) error {
	return s.changeExperiment(ctx, id, func(tx storage.Tx) error { return tx.Experiments().DeleteTag(id, key) })
}

// SearchExperiments finds experiments, the newest first.
func (s *Service) SearchExperiments(ctx context.Context, q search.Query) (found []models.Experiment, next string, err error) {
	compiled, of, err := q.Compile(search.Experiments(), maxPage)
	if err != nil {
		return nil, "", err
	}
	var at models.Position
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		found, at, err = tx.Experiments().Search(compiled)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("search experiments: %w", err)
	}
	return found, search.Token(at, of), nil
}

// DatasetSummaries lists the uses of datasets in experiments.
func (s *Service) DatasetSummaries(ctx context.Context, experimentIDs []int64) (out []models.DatasetSummary, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		out, err = tx.Inputs().Summaries(experimentIDs)
		return err
	})
	return out, err
}

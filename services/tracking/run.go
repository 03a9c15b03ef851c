package tracking

import (
	"context"
	"fmt"
	"regexp"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

// tagRunName always mirrors a run's name.
const tagRunName = "mlflow.runName"

var runIDForm = regexp.MustCompile(`^[a-zA-Z0-9][\w\-]{0,255}$`)

func checkRunID(id string) error {
	if !runIDForm.MatchString(id) {
		return models.InvalidValue("run_id", id, "a run id is letters, digits, '_' and '-', at most 256")
	}
	return nil
}

// NewRun is what a client says of a run it starts.
type NewRun struct {
	ExperimentID int64
	User         string
	Name         string // "": one is made up
	StartMS      int64
	Tags         []models.Tag
}

// CreateRun starts a run in an active experiment.
func (s *Service) CreateRun(ctx context.Context, n NewRun) (run models.Run, err error) {
	tags := make([]models.Tag, 0, len(n.Tags)+1)
	named := n.Name
	for i, tag := range n.Tags {
		if tag, err = s.checkTag(fmt.Sprintf("tags[%d].", i), tag); err != nil {
			return run, err
		}
		if tag.Key != tagRunName {
			tags = append(tags, tag)
			continue
		}
		if named != "" && tag.Value != named {
			return run, models.Errorf(models.KindInvalid, "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with "+
				"different values (run_name='%s', mlflow.runName='%s').", named, tag.Value)
		}
		named = tag.Value
	}
	id := s.NewID()
	if named == "" {
		named = nameOf(id)
	}
	run = models.Run{
		ID: id, ExperimentID: n.ExperimentID, Name: named, User: n.User, Status: models.RunRunning, StartMS: n.StartMS,
		Lifecycle: models.LifecycleActive, Tags: append(tags, models.Tag{Key: tagRunName, Value: named}),
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		e, err := ActiveExperiment(tx, n.ExperimentID)
		if err != nil {
			return err
		}
		run.ArtifactURI = models.JoinURI(e.ArtifactLocation, id, "artifacts")
		run.Key, err = tx.Runs().Create(run)
		return err
	})
	return run, err
}

func (s *Service) checkTag(at string, tag models.Tag) (models.Tag, error) {
	if err := models.CheckKey(at+"key", tag.Key, maxKey); err != nil {
		return tag, err
	}
	var err error
	tag.Value, err = s.cut(at+"value", tag.Value, maxTagValue)
	return tag, err
}

// Run reads a run with all its data, deleted ones too.
func (s *Service) Run(ctx context.Context, id string) (run models.Run, err error) {
	if err := checkRunID(id); err != nil {
		return run, err
	}
	err = s.DB.Look(ctx, func(tx storage.Tx) error {
		run, err = tx.Runs().Load(id)
		return err
	})
	return run, err
}

// changeRun runs fn on a run that is active.
func (s *Service) changeRun(ctx context.Context, id string, fn func(tx storage.Tx, run models.Run) error) error {
	if err := checkRunID(id); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		run, err := tx.Runs().Find(id)
		if err != nil {
			return err
		}
		if run.Lifecycle != models.LifecycleActive {
			return models.Errorf(models.KindInvalid, "The run %s must be in the 'active' state. Current state is %s.", id, run.Lifecycle)
		}
		return fn(tx, run)
	})
}

// UpdateRun changes a run's status, end and name; "" is no name.
func (s *Service) UpdateRun(ctx context.Context, id string, u models.RunUpdate) (run models.Run, err error) {
	if u.Name != nil && *u.Name == "" {
		u.Name = nil
	}
	if u.Name != nil {
		name, err := s.cut("run_name", *u.Name, maxTagValue)
		if err != nil {
			return run, err
		}
		u.Name = &name
	}
	err = s.changeRun(ctx, id, func(tx storage.Tx, found models.Run) error {
		if err := tx.Runs().Update(found.Key, u); err != nil {
			return err
		}
		if u.Name != nil {
			if err := tx.Runs().SetTags(found.Key, []models.Tag{{Key: tagRunName, Value: *u.Name}}); err != nil {
				return err
			}
		}
		run, err = tx.Runs().Find(id)
		return err
	})
	return run, err
}

// DeleteRun marks a run deleted; again is the same.
func (s *Service) DeleteRun(ctx context.Context, id string) error {
	return s.setRunLifecycle(ctx, id, models.LifecycleDeleted)
}

// RestoreRun makes a run active; again is the same.
func (s *Service) RestoreRun(ctx context.Context, id string) error {
	return s.setRunLifecycle(ctx, id, models.LifecycleActive)
}

func (s *Service) setRunLifecycle(ctx context.Context, id string, to models.Lifecycle) error {
	if err := checkRunID(id); err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		run, err := tx.Runs().Find(id)
		if err != nil || run.Lifecycle == to {
			return err
		}
		return tx.Runs().SetLifecycle(run.Key, to, s.nowMS())
	})
}

// SearchRuns finds runs of experiments, those started last first.
func (s *Service) SearchRuns(ctx context.Context, experimentIDs []int64, q search.Query) (found []models.Run, next string, err error) {
	compiled, of, err := q.Compile(search.Runs(), maxPage)
	if err != nil || len(experimentIDs) == 0 {
		return nil, "", err
	}
	compiled.ExperimentIDs = experimentIDs
	var at models.Position
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		found, at, err = tx.Runs().Search(compiled)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("search runs: %w", err)
	}
	return found, search.Token(at, of), nil
}

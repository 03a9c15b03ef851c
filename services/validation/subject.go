package validation

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/mask"
	"github.com/slipway-ml/slipway/storage"
)

func (s *Service) stepDir(id int64, index int) string {
	return filepath.Join(s.Settings.Work, "validations", fmt.Sprintf("%d-%d", id, index+1))
}

// subject prepares what a step works on, in a new folder of its own.
func (s *Service) subject(ctx context.Context, v models.Validation, p plan, spec models.StepSpec, index int, log *stepLog, hidden *mask.Mask) (*Subject, error) {
	dir := s.stepDir(v.ID, index)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("clear the step's folder: %w", err)
	}
	manifest, err := s.Files.Manifest(ctx, v.VersionID)
	if err != nil {
		return nil, err
	}
	subject := &Subject{
		ID: fmt.Sprintf("validation-%d-%d", v.ID, index+1), Version: p.version, Manifest: manifest, Step: spec,
		Settings: s.Settings, Datasets: s.Datasets, Runner: s.Runner, Log: log, Dir: dir, Progress: s.progress(ctx, v.ID, index),
		Mask:  hidden,
		files: s.Files, steps: s.Steps,
	}
	subject.attach, subject.door = s.attach(v.ID, index, dir, hidden), s.door(v.ID, index, p.version, spec)
	subject.Sources, subject.used = s.Sources, map[string]string{}
	subject.reuse, subject.kept, subject.run = s.measured(p.version.ID), s.kept, s.trainingRun
	subject.champions = func(ctx context.Context, against string) (*Subject, error) {
		champion, err := s.champion(ctx, subject, against)
		if champion != nil {
			champion.Progress = s.progress(ctx, v.ID, index) // it is counted anew
		}
		return champion, err
	}
	return subject, os.MkdirAll(dir, 0o750)
}

// champion gives what a version is compared with, as a subject of the same step.
func (s *Service) champion(ctx context.Context, of *Subject, against string) (*Subject, error) {
	champion := *of
	champion.Dir = filepath.Join(of.Dir, "champion")
	var found *models.Version
	err := s.DB.View(ctx, func(tx storage.Tx) (err error) {
		found, err = opponent(tx, of.Version, against)
		return err
	})
	if err != nil || found == nil {
		return nil, err
	}
	champion.Version = *found
	champion.reuse = s.measured(champion.Version.ID)
	if champion.Manifest, err = s.Files.Manifest(ctx, champion.Version.ID); err != nil {
		return nil, err
	}
	return &champion, os.MkdirAll(champion.Dir, 0o750)
}

// stable finds the version that an environment runs; nil while it runs none.
func stable(tx storage.Tx, modelID int64, environment string) (*models.Version, error) {
	env, err := tx.Environments().Find(modelID, environment)
	if err != nil || env.Stable == 0 {
		return nil, unlessGone(err)
	}
	release, err := tx.Releases().Get(env.Stable)
	if err != nil {
		return nil, err
	}
	version, err := tx.Versions().Get(release.VersionID)
	return &version, err
}

// trainingRun reads a run with its metrics.
func (s *Service) trainingRun(ctx context.Context, id string) (run models.Run, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
		run, err = tx.Runs().Load(id)
		return err
	})
	return run, err
}

func (s *Service) measured(versionID int64) func(context.Context, string) ([]models.Measurement, error) {
	return func(ctx context.Context, key string) (found []models.Measurement, err error) {
		err = s.DB.View(ctx, func(tx storage.Tx) (err error) {
			found, err = tx.Validations().Measured(versionID, key)
			return unlessGone(err)
		})
		return found, err
	}
}

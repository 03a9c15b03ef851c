package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

// Validations tries what storage promises of pipelines, data sets and
// validations.
func Validations(t *testing.T, open Open) {
	t.Run("pipelines are numbered in each model", func(t *testing.T) {
		t.Parallel()
		pipelinesAreNumbered(t, open(t))
	})
	t.Run("a data set's version comes and is frozen", func(t *testing.T) {
		t.Parallel()
		datasetVersions(t, open(t))
	})
	t.Run("a validation runs its course", func(t *testing.T) {
		t.Parallel()
		validationCourse(t, open(t))
	})
}

// do runs fn in a transaction and requires that it commits.
func do(t *testing.T, db storage.DB, fn func(tx storage.Tx) error) {
	t.Helper()
	require.NoError(t, db.InTx(t.Context(), fn))
}

func model(t *testing.T, db storage.DB, name string) (m models.RegisteredModel) {
	t.Helper()
	do(t, db, func(tx storage.Tx) (err error) {
		m, err = tx.RegisteredModels().Create(models.RegisteredModel{Name: name})
		return err
	})
	return m
}

// revision keeps a pipeline with these steps.
func revision(t *testing.T, db storage.DB, m models.RegisteredModel, steps ...string) (rev models.PipelineRevision) {
	t.Helper()
	p := models.Pipeline{Model: m.Name, On: models.TriggerRegistered, Environments: map[string]models.EnvironmentSpec{
		"production": {Target: "process", RollbackWindow: time.Minute},
	}}
	for _, step := range steps {
		p.Validation.Steps = append(p.Validation.Steps, models.StepSpec{Name: step, Check: step, Timeout: time.Minute})
	}
	do(t, db, func(tx storage.Tx) (err error) {
		rev, err = tx.Pipelines().Add(models.PipelineRevision{
			ModelID: m.ID, Model: m.Name, Document: []byte("model: " + m.Name), MediaType: "application/yaml", Digest: "d", Pipeline: p,
		})
		return err
	})
	return rev
}

func pipelinesAreNumbered(t *testing.T, db storage.DB) {
	t.Helper()
	a, b := model(t, db, "a"), model(t, db, "b")
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { revision(t, db, a, "integrity") })
	}
	wg.Wait()
	other := revision(t, db, b)
	require.EqualValues(t, 1, other.Number)
	require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
		current, err := tx.Pipelines().Current(a.ID)
		require.NoError(t, err)
		require.EqualValues(t, 10, current.Number)
		require.Equal(t, time.Minute, current.Pipeline.Environments["production"].RollbackWindow)
		again, err := tx.Pipelines().Revision(current.ID)
		require.NoError(t, err)
		require.Equal(t, current, again)
		page, err := tx.Pipelines().Revisions(a.ID, 4, 2)
		require.NoError(t, err)
		require.EqualValues(t, []int64{3, 2}, []int64{page[0].Number, page[1].Number})
		_, err = tx.Pipelines().Current(999)
		require.True(t, models.IsKind(err, models.KindNotFound), "%v", err)
		return nil
	}))
}

func datasetVersions(t *testing.T, db storage.DB) {
	t.Helper()
	var files []models.DatasetFile
	for i := range 12_000 { // more than one statement holds
		files = append(files, models.DatasetFile{Path: fmt.Sprintf("images/%05d.jpg", i), Size: int64(i), SHA256: fmt.Sprintf("%064d", i/2)})
		if i%3 == 0 {
			files[i].Tags = []string{"night", "weather=rain"}
		}
		files[i].Size = int64(i / 2)
	}
	var set models.Dataset
	var v models.DatasetVersion
	do(t, db, func(tx storage.Tx) (err error) {
		if set, err = tx.Datasets().Create("set", "about"); err != nil {
			return err
		}
		v, err = tx.Datasets().AddVersion(models.DatasetVersion{DatasetID: set.ID, Dataset: "set", Digest: "x", Files: 12_000, Bytes: 9}, files)
		return err
	})
	err := db.InTx(t.Context(), func(tx storage.Tx) error {
		_, err := tx.Datasets().Create("set", "")
		return err
	})
	require.True(t, models.IsKind(err, models.KindExists), "%v", err)

	seen := models.ImageFacts{Width: 3, Height: 2, Turned: true}
	do(t, db, func(tx storage.Tx) error { return tx.Datasets().Stored(files[0].SHA256, seen) })
	do(t, db, func(tx storage.Tx) error {
		pictures, err := tx.Datasets().Pictures(v.ID)
		require.Equal(t, map[string]models.ImageFacts{files[0].SHA256: seen}, pictures)
		return err
	})
	ref := models.DatasetRef{Name: "set", Version: 1}
	require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
		found, err := tx.Datasets().Version(ref)
		require.NoError(t, err)
		require.Equal(t, v, found)
		all, err := tx.Datasets().Files(v.ID)
		require.NoError(t, err)
		require.ElementsMatch(t, files, all)
		missing, err := tx.Datasets().Missing(v.ID)
		require.NoError(t, err)
		require.Len(t, missing, 5_999, "one for each digest, without the one that is there")
		file, stored, err := tx.Datasets().Blob(v.ID, files[3].SHA256)
		require.NoError(t, err)
		require.False(t, stored)
		require.Equal(t, files[3].Size, file.Size)
		_, _, err = tx.Datasets().Blob(v.ID, "none")
		require.True(t, models.IsKind(err, models.KindNotFound), "%v", err)
		return nil
	}))

	v.Classes, v.Images, v.Boxes = []string{"bolt", "Mutter, groß"}, 3, 4
	do(t, db, func(tx storage.Tx) error {
		return errors.Join(tx.Datasets().Commit(v), tx.Datasets().Drop(v.ID)) // a frozen version stays
	})
	require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
		frozen, err := tx.Datasets().VersionByDigest(set.ID, "x")
		require.NoError(t, err)
		require.Equal(t, models.DatasetCommitted, frozen.State)
		require.Equal(t, v.Classes, frozen.Classes)
		require.NotNil(t, frozen.CommittedAt)
		latest, err := tx.Datasets().Get("set")
		require.NoError(t, err)
		require.EqualValues(t, 1, latest.Latest)
		return nil
	}))
	var third models.DatasetVersion
	do(t, db, func(tx storage.Tx) error {
		second, err := tx.Datasets().AddVersion(models.DatasetVersion{DatasetID: set.ID, Dataset: "set", Digest: "y", Files: 1}, files[:1])
		if err != nil {
			return err
		}
		if err := tx.Datasets().Drop(second.ID); err != nil {
			return err
		}
		third, err = tx.Datasets().AddVersion(models.DatasetVersion{DatasetID: set.ID, Dataset: "set", Digest: "z", Files: 1}, files[:1])
		return err
	})
	require.EqualValues(t, 2, third.Number, "the number of a version that was dropped is free")
}

func validationCourse(t *testing.T, db storage.DB) {
	t.Helper()
	m := model(t, db, "m")
	rev := revision(t, db, m, "integrity", "onnx")
	var version models.Version
	var v models.Validation
	do(t, db, func(tx storage.Tx) (err error) {
		if version, err = tx.Versions().Create(models.Version{ModelID: m.ID, Model: "m", Stage: models.StageNone, Files: models.FilesFrozen}); err != nil {
			return err
		}
		v, err = tx.Validations().Create(models.Validation{
			VersionID: version.ID, RevisionID: rev.ID, Trigger: models.TriggerManual,
			Steps: []models.StepResult{{Name: "integrity", Check: "integrity"}, {Name: "pytest", Run: "pytest tests"}},
		})
		return err
	})
	require.Equal(t, models.ValidationQueued, v.State)
	require.Equal(t, "m", v.Model)
	require.EqualValues(t, []int64{1, 1}, []int64{v.Version, v.Revision})
	require.Len(t, v.Steps, 2)

	champion := 0.5
	done := v.Steps[0]
	done.Report = models.Report{
		Measurements: []models.Measurement{{Name: "ap50[Mutter]", Value: 0.1234567890123, Threshold: ">= 0.1", Champion: &champion}},
		Findings:     []models.Finding{{Severity: models.SeverityWarning, Where: "a:1", Message: "m", Remedy: "r"}},
		Facts:        map[string]string{"layout": "yolov8"}, Verdict: models.VerdictFailed, Key: "k",
		Attachments: []models.Attachment{{Name: "figures.json", MediaType: "application/json", Size: 2, SHA256: "ab", Key: "x/figures.json"}},
	}
	done.Reason, done.LogKey, done.Excused = "why", "logs/1", true
	do(t, db, func(tx storage.Tx) error {
		late := done
		late.Verdict = models.VerdictPassed
		return errors.Join(
			tx.Validations().SetState(v.ID, models.ValidationRunning, ""),
			tx.Validations().StartStep(v.ID, 0, "logs/1"),
			tx.Validations().Progress(v.ID, 0, models.Progress{Done: 3, Total: 48, Unit: "images"}),
			tx.Validations().EndStep(done),
			tx.Validations().EndStep(late),
			tx.Validations().Cancel(v.ID),
			tx.Validations().SetState(v.ID, models.ValidationFailed, "integrity: why"),
		)
	})
	err := db.InTx(t.Context(), func(tx storage.Tx) error { return tx.Validations().SetState(v.ID, models.ValidationPassed, "") })
	require.True(t, models.IsKind(err, models.KindConflict), "what is over stays so: %v", err)
	require.NoError(t, db.View(t.Context(), func(tx storage.Tx) error {
		got, err := tx.Validations().Latest(version.ID)
		require.NoError(t, err)
		require.Equal(t, models.ValidationFailed, got.State)
		require.True(t, got.Cancelling)
		require.NotNil(t, got.StartedAt)
		require.NotNil(t, got.EndedAt)
		step := got.Steps[0]
		require.Equal(t, done.Report, step.Report, "a verdict stays")
		require.Equal(t, models.Progress{Done: 3, Total: 48, Unit: "images"}, step.Progress)
		require.Equal(t, "logs/1", step.LogKey)
		require.True(t, step.Excused)
		require.False(t, got.Steps[1].Excused)
		require.Equal(t, "pytest tests", got.Steps[1].Run)
		list, err := tx.Validations().List(version.ID, v.ID+1, 5)
		require.NoError(t, err)
		require.Len(t, list, 1)
		measured, err := tx.Validations().Measured(version.ID, "k")
		require.NoError(t, err)
		require.Equal(t, done.Measurements, measured)
		_, err = tx.Validations().Measured(version.ID+1, "k")
		require.True(t, models.IsKind(err, models.KindNotFound), "%v", err)
		return nil
	}))
}

package checks_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/job"
	"github.com/slipway-ml/slipway/services/validation"
	"github.com/slipway-ml/slipway/storage"
)

func arguments(t *testing.T, name string, id int64) job.Job {
	t.Helper()
	raw, err := json.Marshal(map[string]int64{name: id})
	require.NoError(t, err)
	return job.Job{Args: raw}
}

func indent(command string) string {
	out := "        "
	for _, r := range command {
		out += string(r)
		if r == '\n' {
			out += "        "
		}
	}
	return out + "\n"
}

// appeared waits until a command has made a file.
func appeared(t *testing.T, path string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := os.Stat(path)
		return err == nil
	}, 30*time.Second, 10*time.Millisecond, path)
}

func TestAValidationGoesOnAtTheFirstUnfinishedStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	dir := t.TempDir()
	count, begun, wait := filepath.Join(dir, "count"), filepath.Join(dir, "begun"), filepath.Join(dir, "wait")
	require.NoError(t, os.WriteFile(wait, nil, 0o600))
	w.apply("    - run: echo once >> " + count + "\n    - run: |\n" +
		indent("touch "+begun+"\nwhile test -e "+wait+"; do sleep 0.05; done") + "    - check: integrity\n")
	created, err := w.Create(t.Context(), "m", w.register(onnxFiles(t, "v1")).Number, validation.Ask{})
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- validation.Validate{Service: w.Service}.Work(ctx, arguments(t, "validation_id", created.ID))
	}()
	appeared(t, begun)
	stop()
	require.ErrorIs(t, <-done, context.Canceled, "a server that stops gives the job back")
	v, err := w.Get(t.Context(), created.ID)
	require.NoError(t, err)
	require.Equal(t, models.ValidationRunning, v.State)
	require.Equal(t, []models.Verdict{models.VerdictPassed, "", ""}, []models.Verdict{v.Steps[0].Verdict, v.Steps[1].Verdict, v.Steps[2].Verdict})

	require.NoError(t, os.Remove(wait))
	v = w.work(t.Context(), created.ID)
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	lines, err := os.ReadFile(count)
	require.NoError(t, err)
	require.Equal(t, "once\n", string(lines), "the first step was not done again")
	require.Contains(t, w.log(v.Steps[1]), "the server was started again: the step begins anew")
	left, err := os.ReadDir(filepath.Join(w.Settings.Work, "validations"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left of the steps' folders")
	require.Equal(t, v, w.work(t.Context(), created.ID), "done again, it stays as it was")
}

func TestAValidationIsCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	begun := filepath.Join(t.TempDir(), "begun")
	w.apply("    - run: |\n" + indent("touch "+begun+"\nsleep 60") + "    - check: integrity\n")
	version := w.register(onnxFiles(t, "v1"))
	ctx := t.Context()

	queued, err := w.Create(ctx, "m", version.Number, validation.Ask{})
	require.NoError(t, err)
	queued, err = w.Cancel(ctx, queued.ID, "not needed")
	require.NoError(t, err)
	require.Equal(t, models.ValidationCancelled, queued.State, "what has not begun ends at once")
	require.Equal(t, queued, w.work(ctx, queued.ID))
	_, err = w.Cancel(ctx, queued.ID, "")
	require.True(t, models.IsKind(err, models.KindConflict), "%v", err)

	running, err := w.Create(ctx, "m", version.Number, validation.Ask{})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		done <- validation.Validate{Service: w.Service}.Work(ctx, arguments(t, "validation_id", running.ID))
	}()
	appeared(t, begun)
	_, err = w.Cancel(ctx, running.ID, "too slow")
	require.NoError(t, err)
	require.NoError(t, <-done)
	v, err := w.Get(ctx, running.ID)
	require.NoError(t, err)
	require.Equal(t, models.ValidationCancelled, v.State)
	require.Equal(t, []models.Verdict{models.VerdictSkipped, models.VerdictSkipped}, []models.Verdict{v.Steps[0].Verdict, v.Steps[1].Verdict})
}

func TestNewVersionsAreValidatedWhereThePipelineSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	version := w.register(onnxFiles(t, "v1"))
	registered := validation.Registered{Service: w.Service}
	look := func() []models.Validation {
		require.NoError(t, registered.Work(t.Context(), arguments(t, "version_id", version.ID)))
		list, err := w.List(t.Context(), "m", version.Number, 0, 10)
		require.NoError(t, err)
		return list
	}
	require.Empty(t, look(), "without a pipeline nothing happens")
	_, err := w.Create(t.Context(), "m", version.Number, validation.Ask{})
	require.True(t, models.IsKind(err, models.KindConflict))
	require.ErrorContains(t, err, "apply one")

	w.apply("    - check: integrity\n")
	require.Len(t, look(), 1)
	list := look()
	require.Len(t, list, 1, "the job done twice validates once")
	require.Equal(t, models.TriggerRegistered, list[0].Trigger)

	w.apply("    - check: integrity\n    - check: onnx\n")
	v := w.work(t.Context(), list[0].ID)
	require.EqualValues(t, 1, v.Revision, "a newer pipeline does not change one that is under way")
	require.Len(t, v.Steps, 1)
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)

	require.NoError(t, registered.Work(t.Context(), arguments(t, "version_id", 999)), "a version that is gone is none")
	var audit []models.AuditRecord
	require.NoError(t, w.db.View(t.Context(), func(tx storage.Tx) (err error) {
		audit, err = tx.AuditRecords(models.AuditFilter{Action: "validation.passed", Limit: 10})
		return err
	}))
	require.Len(t, audit, 1)
}

package checks_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
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

// appeared waits until a command has made the file here where it works, and tells
// where; "" where none comes.
func (w *world) appeared() string {
	for range 3000 {
		found, _ := filepath.Glob(filepath.Join(w.Settings.Work, "validations", "*", "*", "here"))
		if len(found) > 0 {
			return found[0]
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Error("no command says that it is here")
	return ""
}

func TestAValidationGoesOnAtTheFirstUnfinishedStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.apply("    - run: echo once\n    - run: touch here; while ! test -e go; do sleep 0.05; done\n    - check: integrity\n")
	created, err := w.Create(t.Context(), "m", w.register(onnxFiles(t, "v1")).Number, validation.Ask{})
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- validation.Validate{Service: w.Service}.Work(ctx, arguments(t, "validation_id", created.ID))
	}()
	w.appeared()
	stop()
	require.ErrorIs(t, <-done, context.Canceled, "a server that stops gives the job back")
	v, err := w.Get(t.Context(), created.ID)
	require.NoError(t, err)
	require.Equal(t, models.ValidationRunning, v.State)
	require.Equal(t, []models.Verdict{models.VerdictPassed, "", ""}, []models.Verdict{v.Steps[0].Verdict, v.Steps[1].Verdict, v.Steps[2].Verdict})

	go func() {
		if at := w.appeared(); at != "" {
			_ = os.WriteFile(filepath.Join(filepath.Dir(at), "go"), nil, 0o644)
		}
	}()
	v = w.work(t.Context(), created.ID)
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	require.Equal(t, 1, strings.Count(w.log(v.Steps[0]), "\nonce\n"), "the first step was not done again")
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
	w.apply("    - run: touch here; sleep 60\n    - check: integrity\n")
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
	w.appeared()
	_, err = w.Cancel(ctx, running.ID, "too slow")
	require.NoError(t, err)
	require.NoError(t, <-done)
	v, err := w.Get(ctx, running.ID)
	require.NoError(t, err)
	require.Equal(t, models.ValidationCancelled, v.State)
	require.Equal(t, []models.Verdict{models.VerdictSkipped, models.VerdictSkipped}, []models.Verdict{v.Steps[0].Verdict, v.Steps[1].Verdict})
}

func TestACancelledValidationIsCleanedUpByTheNextLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.needServe()
	w.apply("    - run: echo half; touch here; sleep 60\n    - check: integrity\n")
	created, err := w.Create(t.Context(), "m", w.register(onnxFiles(t, "v1")).Number, validation.Ask{})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- validation.Validate{Service: w.Service}.Work(ctx, arguments(t, "validation_id", created.ID))
	}()
	left := filepath.Dir(w.appeared())
	stop()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, os.MkdirAll(left, 0o750), "what a server leaves that is killed")
	_, err = w.Cancel(t.Context(), created.ID, "")
	require.NoError(t, err)

	v := w.work(t.Context(), created.ID)
	require.Equal(t, models.ValidationCancelled, v.State)
	require.Equal(t, "cancelled while the server was away", v.Reason)
	require.NoDirExists(t, filepath.Dir(left))
	require.Contains(t, w.log(v.Steps[0]), "\nhalf\n")
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

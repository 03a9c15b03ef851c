package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// Register is the command slipway register.
type Register struct {
	Remote
	Model       string            `arg:"" help:"The registered model; made where it is new."`
	Source      string            `required:"" help:"A folder that holds an MLflow model, which is uploaded; or what the server holds: runs:/RUN/path, models:/ID, mlflow-artifacts:/…"`
	Description string            `help:"Of the version, for people."`
	Tag         map[string]string `help:"Tags of the version, KEY=VALUE; may be repeated."`
	Experiment  string            `default:"Default" help:"The experiment whose run holds an uploaded folder."`
}

// Help tells more.
func (*Register) Help() string {
	return `Speaks MLflow's API, so a CI job needs no Python. Prints the number of the version:

  VERSION=$(slipway register shapes-detector --source ./model)`
}

// Run registers.
func (r *Register) Run(ctx context.Context, s *Streams) error {
	if _, err := r.api(); err != nil { // the address is checked before anything is done
		return err
	}
	source, run := r.Source, ""
	if id, ok := strings.CutPrefix(source, "runs:/"); ok {
		run, _, _ = strings.Cut(id, "/")
	}
	if !remoteSource(source) {
		var err error
		if source, run, err = r.upload(ctx, s); err != nil {
			return err
		}
	}
	_, err := mlflow[struct{}](ctx, &r.Remote, http.MethodPost, "registered-models/create", nil, map[string]any{"name": r.Model})
	if err != nil && !refusedAs(err, "RESOURCE_ALREADY_EXISTS") {
		return err
	}
	type created struct {
		Version struct {
			Version string `json:"version"`
		} `json:"model_version"`
	}
	made, err := mlflow[created](ctx, &r.Remote, http.MethodPost, "model-versions/create", nil, map[string]any{
		"name": r.Model, "source": source, "run_id": run, "description": r.Description, "tags": pairs(r.Tag),
	})
	if err != nil {
		return err
	}
	s.notef("registered %s version %s", r.Model, made.Version.Version)
	s.printf("%s", made.Version.Version)
	return nil
}

// remoteSource tells a URI from a path.
func remoteSource(source string) bool {
	scheme, _, ok := strings.Cut(source, ":/")
	return ok && len(scheme) > 1 && scheme != "file"
}

// upload puts the folder into a run of its own and gives its address and run.
func (r *Register) upload(ctx context.Context, s *Streams) (source, run string, err error) {
	dir := strings.TrimPrefix(strings.TrimPrefix(r.Source, "file://"), "file:")
	files, err := modelFiles(dir)
	if err != nil {
		return "", "", err
	}
	experiment, err := r.experiment(ctx)
	if err != nil {
		return "", "", err
	}
	type runAnswer struct {
		Run struct {
			Info struct {
				RunID       string `json:"run_id"`
				ArtifactURI string `json:"artifact_uri"`
			} `json:"info"`
		} `json:"run"`
	}
	begun, err := mlflow[runAnswer](ctx, &r.Remote, http.MethodPost, "runs/create", nil, map[string]any{
		"experiment_id": experiment, "run_name": "slipway register " + r.Model,
	})
	if err != nil {
		return "", "", err
	}
	run, root := begun.Run.Info.RunID, begun.Run.Info.ArtifactURI
	status := "FINISHED"
	if err = r.send(ctx, s, dir, files, root); err != nil {
		status = "FAILED"
	}
	// The run's end is told although the command may be interrupted.
	_, ending := mlflow[struct{}](context.WithoutCancel(ctx), &r.Remote, http.MethodPost, "runs/update", nil, map[string]any{"run_id": run, "status": status})
	return root + "/model", run, errors.Join(err, ending)
}

func (r *Register) experiment(ctx context.Context) (string, error) {
	type answered struct {
		ID         string `json:"experiment_id"`
		Experiment struct {
			ID string `json:"experiment_id"`
		} `json:"experiment"`
	}
	found, err := mlflow[answered](ctx, &r.Remote, http.MethodGet, "experiments/get-by-name", map[string][]string{"experiment_name": {r.Experiment}}, nil)
	if refusedAs(err, "RESOURCE_DOES_NOT_EXIST") {
		found, err = mlflow[answered](ctx, &r.Remote, http.MethodPost, "experiments/create", nil, map[string]any{"name": r.Experiment})
	}
	return or(found.Experiment.ID, found.ID), err
}

func pairs(tags map[string]string) []map[string]string {
	list := make([]map[string]string, 0, len(tags))
	for key, value := range tags {
		list = append(list, map[string]string{"key": key, "value": value})
	}
	return list
}

// modelFiles lists the files of a model folder, relative to it.
func modelFiles(dir string) ([]string, error) {
	if _, err := os.Stat(dir + "/MLmodel"); err != nil {
		return nil, fmt.Errorf("%s holds no MLflow model (it has no file MLmodel): save one by mlflow.onnx.save_model, or name what the server holds, such as runs:/RUN/model", dir)
	}
	return filesUnder(dir)
}

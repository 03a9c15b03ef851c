package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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
	dir, files, err := r.folder()
	if err != nil {
		return err
	}
	_, err = mlflow[struct{}](ctx, &r.Remote, http.MethodPost, "registered-models/create", nil, map[string]any{"name": r.Model})
	if err != nil && !refusedAs(err, "RESOURCE_ALREADY_EXISTS") {
		return err
	}
	from := origin{Source: r.Source}
	if files != nil {
		from, err = r.upload(ctx, s, dir, files)
	} else {
		err = r.held(ctx, &from)
	}
	if err != nil {
		return err
	}
	type created struct {
		Version struct {
			Version string `json:"version"`
		} `json:"model_version"`
	}
	made, err := mlflow[created](ctx, &r.Remote, http.MethodPost, "model-versions/create", nil, map[string]any{
		"name": r.Model, "source": from.Source, "run_id": from.RunID, "model_id": from.ModelID, "description": r.Description, "tags": pairs(r.Tag),
	})
	if err != nil {
		return err
	}
	s.notef("registered %s version %s", r.Model, made.Version.Version)
	s.printf("%s", made.Version.Version)
	return nil
}

// folder lists the files of a source that is a model folder here; none for one
// that the server holds.
func (r *Register) folder() (dir string, files []string, err error) {
	if scheme, _, ok := strings.Cut(r.Source, ":/"); ok && len(scheme) > 1 && scheme != "file" {
		return "", nil, nil
	}
	dir = strings.TrimPrefix(strings.TrimPrefix(r.Source, "file://"), "file:")
	if _, err := os.Stat(filepath.Join(dir, "MLmodel")); err != nil {
		return "", nil, fmt.Errorf("%s holds no MLflow model (it has no file MLmodel): save one by mlflow.onnx.save_model, or name what the server holds, such as runs:/RUN/model", dir)
	}
	files, err = filesUnder(dir)
	return dir, files, err
}

// origin is where a version comes from, as MLflow's API has it.
type origin struct {
	Source  string `json:"source"`
	RunID   string `json:"run_id"`
	ModelID string `json:"model_id"`
}

// held completes the origin of what the server holds: MLflow wants the run, or
// the logged model, that an address is of.
func (r *Register) held(ctx context.Context, from *origin) error {
	if path, ok := strings.CutPrefix(from.Source, "runs:/"); ok {
		from.RunID, _, _ = strings.Cut(path, "/")
		return nil
	}
	path, ok := strings.CutPrefix(from.Source, "models:/")
	if !ok {
		return nil
	}
	name, version, byNumber := strings.Cut(path, "/")
	model, alias, byAlias := strings.Cut(path, "@")
	route, query := "model-versions/get", url.Values{"name": {name}, "version": {version}}
	switch {
	case byNumber:
	case byAlias:
		route, query = "registered-models/alias", url.Values{"name": {model}, "alias": {alias}}
	default:
		from.ModelID = path // of a logged model
		return nil
	}
	type found struct {
		Version origin `json:"model_version"`
	}
	is, err := mlflow[found](ctx, &r.Remote, http.MethodGet, route, query, nil)
	from.RunID, from.ModelID = is.Version.RunID, is.Version.ModelID
	return err
}

// upload puts the folder into a run of its own.
func (r *Register) upload(ctx context.Context, s *Streams, dir string, files []string) (origin, error) {
	experiment, err := r.experiment(ctx)
	if err != nil {
		return origin{}, err
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
		return origin{}, err
	}
	run, root := begun.Run.Info.RunID, begun.Run.Info.ArtifactURI
	status := "FINISHED"
	if err = r.send(ctx, s, dir, files, root); err != nil {
		status = "FAILED"
	}
	// The run's end is told although the command may be interrupted.
	_, ending := mlflow[struct{}](context.WithoutCancel(ctx), &r.Remote, http.MethodPost, "runs/update", nil, map[string]any{"run_id": run, "status": status})
	return origin{Source: root + "/model", RunID: run}, errors.Join(err, ending)
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

package mlflow

import (
	"context"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/artifact"
	"github.com/slipway-ml/slipway/services/registry"
)

// Artifacts handles the files of runs, logged models and model versions.
type Artifacts struct {
	Service  *artifact.Service
	Registry *registry.Service

	Served    bool // the routes of mlflow-artifacts answer
	Presigned bool // clients get URLs of the store itself, where it has them
	Redirects bool // and downloads are sent there
}

type fileReply struct {
	Path  string `json:"path"`
	IsDir bool   `json:"is_dir"`
	Size  *int64 `json:"file_size,omitempty"` // of a file, 0 too
}

func fileList(entries []artifact.Entry) []fileReply {
	files := make([]fileReply, len(entries))
	for i, e := range entries {
		files[i] = fileReply{Path: e.Name, IsDir: e.IsDir}
		if !e.IsDir {
			files[i].Size = &e.Size
		}
	}
	return files
}

type filesReply struct {
	RootURI string      `json:"root_uri,omitempty"`
	Files   []fileReply `json:"files,omitempty"`
}

// List answers GET mlflow-artifacts/artifacts.
func (a Artifacts) List(c *gin.Context) error {
	entries, err := a.Service.List(c.Request.Context(), c.Query("path"))
	if err != nil {
		return err
	}
	return answer(c, filesReply{Files: fileList(entries)})
}

// Get answers GET mlflow-artifacts/artifacts/PATH.
func (a Artifacts) Get(c *gin.Context) error {
	f, err := a.Service.File(c.Request.Context(), pathParam(c))
	if err != nil {
		return err
	}
	return a.send(c, f)
}

// Put answers PUT mlflow-artifacts/artifacts/PATH.
func (a Artifacts) Put(c *gin.Context) error {
	if _, err := a.Service.Put(c.Request.Context(), pathParam(c), c.Request.Body, c.Request.ContentLength); err != nil {
		return err
	}
	c.Status(http.StatusOK)
	return nil
}

// Delete answers DELETE mlflow-artifacts/artifacts/PATH.
func (a Artifacts) Delete(c *gin.Context) error {
	return done(c, a.Service.Delete(c.Request.Context(), strings.TrimSuffix(pathParam(c), "/")))
}

// pathParam is what follows the route, decoded once.
func pathParam(c *gin.Context) string { return strings.TrimPrefix(c.Param("path"), "/") }

type listRunRequest struct {
	Run  runRef `json:",inline"`
	Path string `json:"path"`
}

// ListRun answers GET artifacts/list.
func (a Artifacts) ListRun(c *gin.Context) error { return serve(c, a.listRun) }

func (a Artifacts) listRun(ctx context.Context, in listRunRequest) (any, error) {
	id, err := in.Run.id()
	if err != nil {
		return nil, err
	}
	root, err := a.Service.RunRoot(ctx, id)
	if err != nil {
		return nil, err
	}
	return a.listIn(ctx, root, in.Path)
}

type listModelRequest struct {
	ModelID string `json:"model_id" mlflow:"required"`
	Path    string `json:"artifact_directory_path"`
}

// ListLoggedModel answers GET logged-models/ID/artifacts/directories.
func (a Artifacts) ListLoggedModel(c *gin.Context) error { return serve(c, a.listLoggedModel) }

func (a Artifacts) listLoggedModel(ctx context.Context, in listModelRequest) (any, error) {
	root, err := a.Service.LoggedModelRoot(ctx, in.ModelID)
	if err != nil {
		return nil, err
	}
	return a.listIn(ctx, root, in.Path)
}

func (a Artifacts) listIn(ctx context.Context, root artifact.Root, folder string) (any, error) {
	entries, err := a.Service.ListIn(ctx, root, folder)
	return filesReply{RootURI: root.URI, Files: fileList(entries)}, err
}

// GetLoggedModel answers GET logged-models/ID/artifacts/files.
func (a Artifacts) GetLoggedModel(c *gin.Context) error {
	var in struct {
		ModelID string `json:"model_id" mlflow:"required"`
		Path    string `json:"artifact_file_path" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	root, err := a.Service.LoggedModelRoot(c.Request.Context(), in.ModelID)
	if err != nil {
		return err
	}
	return a.sendIn(c, root, in.Path)
}

// GetRun answers GET /get-artifact.
func (a Artifacts) GetRun(c *gin.Context) error {
	id, err := runRef{c.Query("run_id"), c.Query("run_uuid")}.id()
	if err != nil {
		return err
	}
	root, err := a.Service.RunRoot(c.Request.Context(), id)
	if err != nil {
		return err
	}
	return a.sendIn(c, root, c.Query("path"))
}

func (a Artifacts) sendIn(c *gin.Context, root artifact.Root, name string) error {
	f, err := a.Service.FileIn(c.Request.Context(), root, name)
	if err != nil {
		return err
	}
	return a.send(c, f)
}

// GetVersion answers GET /model-versions/get-artifact with the frozen file.
func (a Artifacts) GetVersion(c *gin.Context) error {
	if err := artifact.CheckPath(c.Query("path")); err != nil {
		return err
	}
	number, err := parseVersion(c.Query("version"))
	if err != nil {
		return err
	}
	v, err := a.Registry.Version(c.Request.Context(), c.Query("name"), number)
	if err != nil {
		return err
	}
	f, err := a.Service.VersionFile(c.Request.Context(), v.ID, c.Query("path"))
	if err != nil {
		return err
	}
	return a.send(c, f)
}

// maxUpload bounds what a browser may upload to a run.
const maxUpload = 10 << 20

// Upload answers POST upload-artifact, the browser's way.
func (a Artifacts) Upload(c *gin.Context) error {
	if c.Request.ContentLength > maxUpload {
		return &http.MaxBytesError{Limit: maxUpload}
	}
	id, err := runRef{c.Query("run_id"), c.Query("run_uuid")}.id()
	if err != nil {
		return models.Errorf(models.KindInvalid, "Request must specify run_uuid.")
	}
	if c.Query("path") == "" {
		return models.Errorf(models.KindInvalid, "Request must specify path.")
	}
	if err := artifact.CheckPath(c.Query("path")); err != nil {
		return err
	}
	if c.Request.ContentLength == 0 {
		return models.Errorf(models.KindInvalid, "Request must specify data.")
	}
	root, err := a.Service.RunRoot(c.Request.Context(), id)
	if err != nil {
		return err
	}
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxUpload)
	if _, err := a.Service.PutIn(c.Request.Context(), root, path.Clean(c.Query("path")), c.Request.Body, c.Request.ContentLength); err != nil {
		return err
	}
	return answer(c, empty{})
}

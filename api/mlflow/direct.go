package mlflow

import (
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/artifact"
)

// Proxied guards the routes of mlflow-artifacts.
func (a Artifacts) Proxied(handle func(*gin.Context) error) func(*gin.Context) error {
	return func(c *gin.Context) error {
		if !a.Served {
			return models.Errorf(models.KindUnavailable, "This server does not serve artifacts (--no-serve-artifacts): read and write them in the artifact store itself.")
		}
		return handle(c)
	}
}

// direct guards the routes that lead past the server.
func (a Artifacts) direct(c *gin.Context) error {
	switch {
	case models.PrincipalOf(c.Request.Context()).Role == models.RoleStep:
		return models.Errorf(models.KindUnsupported, "A step is given no URLs of the artifact store, which it cannot reach: use GET of mlflow-artifacts/artifacts.")
	case a.Presigned:
		return a.Service.Direct()
	}
	return models.Errorf(models.KindUnsupported, "This server gives no URLs of the artifact store (--no-presigned): use GET and PUT of mlflow-artifacts/artifacts.")
}

type presignedReply struct {
	URL     string            `json:"url,omitempty"`
	Signed  string            `json:"presigned_url,omitempty"`
	Headers map[string]string `json:"headers"`
	Size    *int64            `json:"file_size,omitempty"`
}

// PresignedGet answers GET mlflow-artifacts/presigned/PATH.
func (a Artifacts) PresignedGet(c *gin.Context) error {
	if err := a.direct(c); err != nil {
		return err
	}
	signed, o, err := a.Service.Download(c.Request.Context(), pathParam(c), 0)
	if err != nil {
		return err
	}
	return answer(c, presignedReply{URL: signed.URL, Headers: signed.Header, Size: &o.Size})
}

type presignedRequest struct {
	RunID      string `json:"run_id"`
	ModelID    string `json:"model_id"`
	Path       string `json:"path" mlflow:"required"`
	Expiration int64  `json:"expiration"` // seconds
}

// presign decodes a request of artifacts/presigned-*-url and finds its root.
func (a Artifacts) presign(c *gin.Context) (in presignedRequest, root artifact.Root, err error) {
	if err := a.direct(c); err != nil {
		return in, root, err
	}
	if err := decode(c, &in); err != nil {
		return in, root, err
	}
	if in.ModelID != "" && in.RunID == "" {
		root, err = a.Service.LoggedModelRoot(c.Request.Context(), in.ModelID)
		return in, root, err
	}
	id, err := runRef{in.RunID, ""}.id()
	if err != nil {
		return in, root, err
	}
	root, err = a.Service.RunRoot(c.Request.Context(), id)
	return in, root, err
}

// PresignedUpload answers POST artifacts/presigned-upload-url.
func (a Artifacts) PresignedUpload(c *gin.Context) error {
	in, root, err := a.presign(c)
	if err != nil {
		return err
	}
	signed, err := a.Service.UploadIn(c.Request.Context(), root, in.Path, time.Duration(in.Expiration)*time.Second)
	if err != nil {
		return err
	}
	return answer(c, presignedReply{Signed: signed.URL, Headers: signed.Header})
}

// PresignedDownload answers POST artifacts/presigned-download-url.
func (a Artifacts) PresignedDownload(c *gin.Context) error {
	in, root, err := a.presign(c)
	if err != nil {
		return err
	}
	signed, o, err := a.Service.DownloadIn(c.Request.Context(), root, in.Path, time.Duration(in.Expiration)*time.Second)
	if err != nil {
		return err
	}
	return answer(c, presignedReply{Signed: signed.URL, Headers: signed.Header, Size: &o.Size})
}

// multipartFile is the file that an upload in parts is for: the folder stands
// in the route, the name (or the client's path to it) in the body.
func multipartFile(c *gin.Context, name string) string {
	return strings.TrimPrefix(path.Join(c.Param("folder"), path.Base(name)), "/")
}

// MultipartCreate answers POST mlflow-artifacts/mpu/create/FOLDER.
func (a Artifacts) MultipartCreate(c *gin.Context) error {
	if err := a.direct(c); err != nil {
		return err
	}
	var in struct {
		Path  string `json:"path" mlflow:"required"`
		Parts int64  `json:"num_parts" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	upload, requests, err := a.Service.Multipart(c.Request.Context(), multipartFile(c, in.Path), int(in.Parts))
	if err != nil {
		return err
	}
	type credential struct {
		URL     string            `json:"url"`
		Number  int               `json:"part_number"`
		Headers map[string]string `json:"headers,omitempty"`
	}
	credentials := make([]credential, len(requests))
	for i, r := range requests {
		credentials[i] = credential{URL: r.URL, Number: i + 1, Headers: r.Header}
	}
	return answer(c, struct {
		Upload      string       `json:"upload_id"`
		Credentials []credential `json:"credentials"`
	}{upload, credentials})
}

// MultipartComplete answers POST mlflow-artifacts/mpu/complete/FOLDER.
func (a Artifacts) MultipartComplete(c *gin.Context) error {
	if err := a.direct(c); err != nil {
		return err
	}
	var in struct {
		Path   string `json:"path" mlflow:"required"`
		Upload string `json:"upload_id" mlflow:"required"`
		Parts  []struct {
			Number int64  `json:"part_number"`
			ETag   string `json:"etag"`
		} `json:"parts"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	if len(in.Parts) == 0 {
		return models.Errorf(models.KindInvalid, "Missing value for required parameter 'parts'. See the API docs for more information about request parameters.")
	}
	parts := make([]artifact.Part, len(in.Parts))
	for i, p := range in.Parts {
		parts[i] = artifact.Part{Number: int(p.Number), ETag: p.ETag}
	}
	return done(c, a.Service.Complete(c.Request.Context(), multipartFile(c, in.Path), in.Upload, parts))
}

// MultipartAbort answers POST mlflow-artifacts/mpu/abort/FOLDER.
func (a Artifacts) MultipartAbort(c *gin.Context) error {
	if err := a.direct(c); err != nil {
		return err
	}
	var in struct {
		Path   string `json:"path" mlflow:"required"`
		Upload string `json:"upload_id" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	return done(c, a.Service.Abort(c.Request.Context(), multipartFile(c, in.Path), in.Upload))
}

// ServerInfo answers what the artifact client asks before it picks a way.
func (a Artifacts) ServerInfo(c *gin.Context) error {
	type features struct {
		Gateway bool `json:"gateway"`
	}
	direct := a.Served && a.direct(c) == nil
	return answer(c, struct {
		StoreType         string   `json:"store_type"`
		Workspaces        bool     `json:"workspaces_enabled"`
		TraceArchival     bool     `json:"trace_archival_enabled"`
		MultipartUpload   bool     `json:"multipart_uploads_enabled"`
		MultipartDownload bool     `json:"multipart_downloads_enabled"`
		PresignedRun      bool     `json:"presigned_upload_run_id_supported"`
		PresignedModel    bool     `json:"presigned_upload_model_id_supported"`
		Features          features `json:"features_enabled"`
	}{"SqlStore", false, false, direct, direct, direct, direct, features{}})
}

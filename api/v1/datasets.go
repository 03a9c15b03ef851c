package v1

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/dataset"
)

// Datasets answers what is known of data sets, and takes new versions.
type Datasets struct {
	Service *dataset.Service
}

// ListDatasets lists data sets by name.
func (d Datasets) ListDatasets(ctx context.Context, r server.ListDatasetsRequestObject) (server.ListDatasetsResponseObject, error) {
	after, err := pageAfterName(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	sets, err := d.Service.List(ctx, after, size)
	if err != nil {
		return nil, err
	}
	page := server.ListDatasets200JSONResponse{Items: make([]server.Dataset, 0, len(sets))}
	for _, set := range sets {
		page.Items = append(page.Items, wireDataset(set))
		page.NextPageToken = namePageToken(len(sets), size, set.Name)
	}
	return page, nil
}

// CreateDataset adds a data set.
func (d Datasets) CreateDataset(ctx context.Context, r server.CreateDatasetRequestObject) (server.CreateDatasetResponseObject, error) {
	set, err := d.Service.Create(ctx, r.Body.Name, r.Body.Description)
	if err != nil {
		return nil, err
	}
	return server.CreateDataset201JSONResponse(wireDataset(set)), nil
}

// GetDataset gives a data set.
func (d Datasets) GetDataset(ctx context.Context, r server.GetDatasetRequestObject) (server.GetDatasetResponseObject, error) {
	set, err := d.Service.Get(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	return server.GetDataset200JSONResponse(wireDataset(set)), nil
}

// ListDatasetVersions lists a data set's versions, newest first.
func (d Datasets) ListDatasetVersions(ctx context.Context, r server.ListDatasetVersionsRequestObject) (server.ListDatasetVersionsResponseObject, error) {
	below, err := pageAfter(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	versions, err := d.Service.Versions(ctx, r.Name, below, size)
	if err != nil {
		return nil, err
	}
	page := server.ListDatasetVersions200JSONResponse{Items: make([]server.DatasetVersion, 0, len(versions))}
	for _, v := range versions {
		wire := wireDatasetVersion(v, nil)
		wire.Summary = server.DatasetSummary{}
		page.Items = append(page.Items, wire)
		page.NextPageToken = pageToken(len(versions), size, v.Number)
	}
	return page, nil
}

// CreateDatasetVersion begins a push, or resumes it.
func (d Datasets) CreateDatasetVersion(ctx context.Context, r server.CreateDatasetVersionRequestObject) (server.CreateDatasetVersionResponseObject, error) {
	files := make([]models.DatasetFile, 0, len(r.Body.Files))
	for _, f := range r.Body.Files {
		files = append(files, models.DatasetFile{Path: f.Path, Size: f.SizeBytes, SHA256: strings.TrimPrefix(f.Digest, "sha256:"), Tags: f.Tags})
	}
	settings := models.DatasetSettings{Format: models.DatasetFormat(r.Body.Format), TagFields: r.Body.TagFields}
	v, missing, err := d.Service.Begin(ctx, r.Name, files, settings)
	if err != nil {
		return nil, err
	}
	return server.CreateDatasetVersion200JSONResponse(wireDatasetVersion(v, missing)), nil
}

// GetDatasetVersion gives a version.
func (d Datasets) GetDatasetVersion(ctx context.Context, r server.GetDatasetVersionRequestObject) (server.GetDatasetVersionResponseObject, error) {
	v, missing, err := d.Service.Version(ctx, models.DatasetRef{Name: r.Name, Version: r.Version})
	if err != nil {
		return nil, err
	}
	return server.GetDatasetVersion200JSONResponse(wireDatasetVersion(v, missing)), nil
}

// ListDatasetFiles lists a version's manifest by path.
func (d Datasets) ListDatasetFiles(ctx context.Context, r server.ListDatasetFilesRequestObject) (server.ListDatasetFilesResponseObject, error) {
	after, err := pageAfterName(r.Params.PageToken)
	if err != nil {
		return nil, err
	}
	files, err := d.Service.Files(ctx, models.DatasetRef{Name: r.Name, Version: r.Version})
	if err != nil {
		return nil, err
	}
	size := pageSize(r.Params.MaxResults)
	page := server.ListDatasetFiles200JSONResponse{Items: []server.DatasetFile{}}
	for _, f := range files {
		if f.Path <= after {
			continue
		}
		if len(page.Items) == size {
			page.NextPageToken = namePageToken(size, size, page.Items[size-1].Path)
			break
		}
		page.Items = append(page.Items, server.DatasetFile{Path: f.Path, SizeBytes: f.Size, Digest: wireDigest(f.SHA256), Tags: f.Tags})
	}
	return page, nil
}

// PutDatasetBlob takes the bytes of one digest.
func (d Datasets) PutDatasetBlob(ctx context.Context, r server.PutDatasetBlobRequestObject) (server.PutDatasetBlobResponseObject, error) {
	ref := models.DatasetRef{Name: r.Name, Version: r.Version}
	if err := d.Service.Upload(ctx, ref, strings.TrimPrefix(r.Digest, "sha256:"), r.Body); err != nil {
		return nil, err
	}
	return server.PutDatasetBlob204Response{}, nil
}

// GetDatasetBlob gives the bytes of one digest.
func (d Datasets) GetDatasetBlob(ctx context.Context, r server.GetDatasetBlobRequestObject) (server.GetDatasetBlobResponseObject, error) {
	ref := models.DatasetRef{Name: r.Name, Version: r.Version}
	if _, err := d.Service.Committed(ctx, ref); err != nil {
		return nil, err
	}
	files, err := d.Service.Files(ctx, ref)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(files, func(f models.DatasetFile) bool { return wireDigest(f.SHA256) == r.Digest })
	if i < 0 {
		return nil, models.Errorf(models.KindNotFound, "data set %s has no file with the digest %s", ref, r.Digest)
	}
	body, err := d.Service.Read(ctx, files[i])
	return server.GetDatasetBlob200ApplicationoctetStreamResponse{Body: body, ContentLength: files[i].Size}, err
}

// CommitDatasetVersion checks a version and freezes it.
func (d Datasets) CommitDatasetVersion(ctx context.Context, r server.CommitDatasetVersionRequestObject) (server.CommitDatasetVersionResponseObject, error) {
	v, err := d.Service.Commit(ctx, models.DatasetRef{Name: r.Name, Version: r.Version})
	if err != nil {
		return nil, err
	}
	return server.CommitDatasetVersion200JSONResponse(wireDatasetVersion(v, nil)), nil
}

func wireDataset(set models.Dataset) server.Dataset {
	return server.Dataset{
		Name: set.Name, Task: server.DatasetTask(set.Format.Task()), Format: server.DatasetFormat(set.Format), Description: set.Description, LatestVersion: set.Latest, CreatedAt: set.CreatedAt,
	}
}

func wireDatasetVersion(v models.DatasetVersion, missing []models.DatasetFile) server.DatasetVersion {
	wire := server.DatasetVersion{
		Name: v.Dataset, Version: v.Number, State: server.DatasetVersionState(v.State), Digest: wireDigest(v.Digest),
		Task: server.DatasetTask(v.Format.Task()), Format: server.DatasetFormat(cmp.Or(v.Format, v.Settings.Format)), TagFields: v.Settings.TagFields,
		Files: v.Files, SizeBytes: v.Bytes, Images: v.Images, Backgrounds: v.Backgrounds, Boxes: v.Boxes,
		Classes: v.Classes, CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy,
	}
	if v.CommittedAt != nil {
		wire.CommittedAt = *v.CommittedAt
		wire.Summary = wireDatasetSummary(v.Summary)
	}
	for _, f := range missing {
		wire.Missing = append(wire.Missing, wireDigest(f.SHA256))
	}
	return wire
}

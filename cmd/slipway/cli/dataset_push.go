package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/openapi/client"
)

// DatasetPush is the command slipway dataset push.
type DatasetPush struct {
	Remote
	Dir         string `arg:"" type:"existingdir" help:"A folder in YOLO's layout: data.yaml, images, labels."`
	Name        string `arg:"" help:"The data set."`
	Description string `help:"For people; taken when the data set is new."`
	Uploads     int    `default:"8" help:"Uploads at once."`
}

// Help tells more.
func (*DatasetPush) Help() string {
	return `Files go by their digest: what the server holds already is not sent again, and a
push that was cut off goes on where it stood when it is repeated. Hidden files,
and the *.cache files that trainers leave, stay out. Prints NAME@VERSION.`
}

// Run pushes.
func (d *DatasetPush) Run(ctx context.Context, s *Streams) error {
	api, err := d.api()
	if err != nil {
		return err
	}
	bar := newProgress(s.Err)
	files, err := manifest(ctx, d.Dir, bar)
	if err != nil {
		return err
	}
	_, err = read(api.CreateDataset(ctx, &client.CreateDatasetParams{IdempotencyKey: once()},
		client.DatasetCreate{Name: d.Name, Task: client.DatasetTaskDetection, Description: d.Description}))
	if err != nil && !refusedAs(err, "RESOURCE_ALREADY_EXISTS") {
		return err
	}
	version, err := answer[client.DatasetVersion](api.CreateDatasetVersion(ctx, d.Name, client.DatasetVersionCreate{Files: files}))
	if err != nil {
		return explain(s, err)
	}
	if version.State != client.DatasetVersionStateCommitted {
		if err := d.upload(ctx, api, version, files, bar); err != nil {
			return err
		}
		bar.clear()
		s.notef("  checking images and labels")
		if version, err = answer[client.DatasetVersion](api.CommitDatasetVersion(ctx, d.Name, version.Version)); err != nil {
			return explain(s, err)
		}
	}
	s.notef("%d images, %d boxes, %d classes, %s", version.Images, version.Boxes, len(version.Classes), size(version.SizeBytes))
	s.printf("%s@%d", d.Name, version.Version)
	return nil
}

// upload sends the blobs that are missing, several at once.
func (d *DatasetPush) upload(ctx context.Context, api *client.Client, version client.DatasetVersion, files []client.DatasetFile, bar *progress) error {
	byDigest := make(map[string]client.DatasetFile, len(files))
	for _, f := range files {
		byDigest[f.Digest] = f
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, d.Uploads))
	sent, total := atomic.Int64{}, int64(len(version.Missing))
	shown := make(chan struct{}, 1) // one at a time draws
	for _, digest := range version.Missing {
		f, ok := byDigest[digest]
		if !ok {
			return fmt.Errorf("the server asks for %s, which is not in %s", digest, d.Dir)
		}
		group.Go(func() error {
			if err := putBlob(ctx, api, d.Name, version.Version, f, filepath.Join(d.Dir, filepath.FromSlash(f.Path))); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			done := sent.Add(1)
			shown <- struct{}{}
			bar.show("uploading", done, total, "files")
			<-shown
			return nil
		})
	}
	return group.Wait()
}

func putBlob(ctx context.Context, api *client.Client, name string, version int64, f client.DatasetFile, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = read(api.PutDatasetBlobWithBody(ctx, name, version, f.Digest, "application/octet-stream", file, func(_ context.Context, r *http.Request) error {
		r.ContentLength = f.SizeBytes
		return nil
	}))
	return err
}

// explain prints each field that a refusal names, for a list says more than its
// first line.
func explain(s *Streams, err error) error {
	var refused *RemoteError
	if errors.As(err, &refused) {
		for _, d := range refused.Body.Details {
			s.notef("  %s: %s", d.Field, oneLine(d.Message))
		}
	}
	return err
}

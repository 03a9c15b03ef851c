package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/openapi/client"
)

// DatasetPush is the command slipway dataset push.
type DatasetPush struct {
	Remote
	Dir         string   `arg:"" type:"existingdir" help:"A folder in one of the formats."`
	Name        string   `arg:"" help:"The data set."`
	Format      string   `enum:",yolo,coco,folders,csv,parquet" default:"" help:"The format, where it should not be told from the files: yolo, coco, folders, csv or parquet."`
	Tag         []string `sep:"none" placeholder:"TAG=PATTERN" help:"Tag images for slices: a word or key=value, and the images by path, folder or pattern, such as night=images/night-* or time=night=images/0*.jpg. Can be repeated."`
	TagField    []string `placeholder:"FIELD" help:"A field of the images in a COCO file whose values are tags, such as weather. Can be repeated."`
	Description string   `help:"For people; taken when the data set is new."`
	Uploads     int      `default:"8" help:"Uploads at once."`
}

// Help tells more.
func (*DatasetPush) Help() string {
	return `The folder holds one data set: yolo (data.yaml, images and a text file of boxes for
each), coco (a JSON file of instances beside images), folders (images in a folder
for each class), csv or parquet (tables). Images are tagged by --tag, by a file
tags.csv (path,tag), by tags: in data.yaml, or by tags in the COCO file.

Files go by their digest: what the server holds already is not sent again, and a
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
	if err := tag(files, d.Tag); err != nil {
		return err
	}
	_, err = read(api.CreateDataset(ctx, &client.CreateDatasetParams{IdempotencyKey: once()},
		client.DatasetCreate{Name: d.Name, Description: d.Description}))
	if err != nil && !refusedAs(err, "RESOURCE_ALREADY_EXISTS") {
		return err
	}
	version, err := answer[client.DatasetVersion](api.CreateDatasetVersion(ctx, d.Name, client.DatasetVersionCreate{
		Files: files, Format: client.DatasetFormat(d.Format), TagFields: d.TagField,
	}))
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
	s.notef("%s", inShort(version))
	for _, f := range version.Summary.Findings {
		s.notef("  %s", findingLine(f))
	}
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
	sent := &sending{bar: bar, total: int64(len(version.Missing))}
	for _, digest := range version.Missing {
		sent.totalBytes += byDigest[digest].SizeBytes
	}
	for _, digest := range version.Missing {
		f, ok := byDigest[digest]
		if !ok {
			return fmt.Errorf("the server asks for %s, which is not in %s", digest, d.Dir)
		}
		group.Go(func() error {
			path := filepath.Join(d.Dir, filepath.FromSlash(f.Path))
			if err := patiently(ctx, func() error { return putBlob(ctx, api, d.Name, version.Version, f, path, sent) }); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			sent.add(0, 1)
			return nil
		})
	}
	return group.Wait()
}

// patiently does an upload again that failed for a moment, twice at most.
func patiently(ctx context.Context, upload func() error) error {
	err := upload()
	for wait := 500 * time.Millisecond; wait <= time.Second && passing(err); wait *= 2 {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
		err = upload()
	}
	return err
}

// passing tells whether trying again can help: the server is busy, or the
// connection broke.
func passing(err error) bool {
	var refused *RemoteError
	if errors.As(err, &refused) {
		return refused.Status >= http.StatusInternalServerError || refused.Status == http.StatusTooManyRequests
	}
	var file *fs.PathError
	return err != nil && !errors.As(err, &file)
}

// sending shows how far an upload is: by files, or by MB where few of them are
// large.
type sending struct {
	mu                sync.Mutex
	bar               *progress
	done, total       int64
	bytes, totalBytes int64
}

const (
	million = 1_000_000
	large   = 10 * million // bytes of a file
)

func (s *sending) add(bytes, files int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes, s.done = min(s.bytes+bytes, s.totalBytes), s.done+files // what is sent again counts once
	if s.totalBytes > large*s.total {
		s.bar.show("uploading", s.bytes/million, s.totalBytes/million, "MB")
	} else if files > 0 {
		s.bar.show("uploading", s.done, s.total, "files")
	}
}

// Write counts what is read of a file.
func (s *sending) Write(p []byte) (int, error) {
	s.add(int64(len(p)), 0)
	return len(p), nil
}

func putBlob(ctx context.Context, api *client.Client, name string, version int64, f client.DatasetFile, path string, sent io.Writer) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = read(api.PutDatasetBlobWithBody(ctx, name, version, f.Digest, "application/octet-stream", io.TeeReader(file, sent), func(_ context.Context, r *http.Request) error {
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

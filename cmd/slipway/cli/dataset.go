package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Dataset is the command slipway dataset.
type Dataset struct {
	Push   DatasetPush   `cmd:"" help:"Upload a folder as the next version of a data set."`
	Show   DatasetShow   `cmd:"" help:"Show the data sets, the versions of one, or what a version holds."`
	Verify DatasetVerify `cmd:"" help:"Hold a folder against a version, file by file."`
}

// DatasetVerify is the command slipway dataset verify.
type DatasetVerify struct {
	Remote
	Dir     string `arg:"" type:"existingdir" help:"The folder."`
	Dataset string `arg:"" help:"The data set, NAME or NAME@VERSION (default: the latest version)."`
}

// Run verifies.
func (d *DatasetVerify) Run(ctx context.Context, s *Streams) error {
	api, err := d.api()
	if err != nil {
		return err
	}
	name, version, err := datasetVersion(ctx, api, d.Dataset)
	if err != nil {
		return err
	}
	files, err := manifest(ctx, d.Dir, newProgress(s.Err))
	if err != nil {
		return err
	}
	here := make(map[string]string, len(files))
	for _, f := range files {
		here[f.Path] = f.Digest
	}
	differ := 0
	params := &client.ListDatasetFilesParams{MaxResults: set(1000)}
	for {
		page, err := answer[client.DatasetFileList](api.ListDatasetFiles(ctx, name, version, params))
		if err != nil {
			return err
		}
		for _, f := range page.Items {
			switch digest, ok := here[f.Path]; {
			case !ok:
				differ++
				s.printf("missing   %s", f.Path)
			case digest != f.Digest:
				differ++
				s.printf("differs   %s", f.Path)
			}
			delete(here, f.Path)
		}
		if params.PageToken = set(page.NextPageToken); params.PageToken == nil {
			break
		}
	}
	for _, f := range files {
		if _, extra := here[f.Path]; extra {
			differ++
			s.printf("unknown   %s", f.Path)
		}
	}
	if differ > 0 {
		return fmt.Errorf("%s is not %s@%d: %d files differ", d.Dir, name, version, differ)
	}
	s.printf("%s is %s@%d, all %d files", d.Dir, name, version, len(files))
	return nil
}

func datasetVersion(ctx context.Context, api *client.Client, spec string) (name string, version int64, err error) {
	name, number, chosen := strings.Cut(spec, "@")
	if chosen {
		if version, err = strconv.ParseInt(number, 10, 64); err != nil || version < 1 {
			return "", 0, fmt.Errorf("%q: a version is a number, such as %s@1", spec, name)
		}
		return name, version, nil
	}
	found, err := answer[client.Dataset](api.GetDataset(ctx, name))
	if err == nil && found.LatestVersion == 0 {
		err = fmt.Errorf("%s has no committed version yet", name)
	}
	return name, found.LatestVersion, err
}

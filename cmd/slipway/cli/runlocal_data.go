package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/client"
)

// setNames are data sets in the settings of a check, as NAME@VERSION.
var setNames = regexp.MustCompile(`"([A-Za-z0-9][A-Za-z0-9._-]*@[0-9]+)"`)

// setsOf lists the data sets that steps name.
func setsOf(spec models.Pipeline) []models.DatasetRef {
	refs := map[models.DatasetRef]bool{}
	for _, step := range spec.Validation.Steps {
		if step.Dataset != nil {
			refs[*step.Dataset] = true
		}
		for _, found := range setNames.FindAllSubmatch(step.Settings, -1) {
			if ref, err := models.ParseDatasetRef(string(found[1])); err == nil {
				refs[ref] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(refs), func(a, b models.DatasetRef) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
}

// datasets brings each data set that the steps name to the server at, under the
// version that they name: from a folder, or from the server of --url.
func (r *RunLocal) datasets(ctx context.Context, s *Streams, at Remote, spec models.Pipeline) error {
	refs := setsOf(spec)
	if err := r.unused(refs); err != nil {
		return err
	}
	next := map[string]int64{}
	for _, ref := range refs { // of one name the versions ascend
		if err := fill(ctx, at, ref, max(next[ref.Name], 1)); err != nil {
			return err
		}
		next[ref.Name] = ref.Version + 1
		var err error
		switch dir := cmp.Or(r.Dataset[ref.String()], r.Dataset[ref.Name]); {
		case dir != "":
			push := DatasetPush{Remote: at, Dir: dir, Name: ref.Name, Uploads: 4}
			err = push.Run(ctx, &Streams{Out: io.Discard, Err: s.Err})
		case r.URL != "":
			err = r.fetch(ctx, s, at, ref)
		default:
			err = fmt.Errorf("name its folder by --dataset %s=DIR, or set SLIPWAY_URL to the server that holds it", ref.Name)
		}
		if err != nil {
			return fmt.Errorf("data set %s: %w", ref, err)
		}
	}
	return nil
}

// unused tells of a folder that no step asks for: most likely its name is
// wrong. Of some steps alone that is no fault.
func (r *RunLocal) unused(refs []models.DatasetRef) error {
	for _, name := range slices.Sorted(maps.Keys(r.Dataset)) {
		asked := slices.ContainsFunc(refs, func(ref models.DatasetRef) bool { return name == ref.Name || name == ref.String() })
		if !asked && len(r.Step) == 0 {
			return fmt.Errorf("--dataset %s: no step names it; they name: %s", name, or(strings.Trim(fmt.Sprint(refs), "[]"), "none"))
		}
	}
	return nil
}

// fill begins the versions before the one that is to come and never ends them,
// so that it gets the number by which the steps know it.
func fill(ctx context.Context, at Remote, ref models.DatasetRef, from int64) error {
	api, err := at.api()
	if err != nil {
		return err
	}
	_, err = read(api.CreateDataset(ctx, &client.CreateDatasetParams{IdempotencyKey: once()}, client.DatasetCreate{Name: ref.Name}))
	if err != nil && !refusedAs(err, "RESOURCE_ALREADY_EXISTS") {
		return err
	}
	for n := from; n < ref.Version; n++ {
		text := strconv.FormatInt(n, 10)
		sum := sha256.Sum256([]byte(text))
		file := client.DatasetFile{Path: "elsewhere.csv", Digest: "sha256:" + hex.EncodeToString(sum[:]), SizeBytes: int64(len(text))}
		if _, err := read(api.CreateDatasetVersion(ctx, ref.Name, client.DatasetVersionCreate{Files: []client.DatasetFile{file}})); err != nil {
			return err
		}
	}
	return nil
}

// fetch copies a data set from the server of --url.
func (r *RunLocal) fetch(ctx context.Context, s *Streams, at Remote, ref models.DatasetRef) error {
	there := Remote{URL: r.URL, Token: r.Token, Timeout: at.Timeout}
	from, err := there.api()
	if err != nil {
		return err
	}
	to, err := at.api()
	if err != nil {
		return err
	}
	original, err := answer[client.DatasetVersion](from.GetDatasetVersion(ctx, ref.Name, ref.Version))
	if err != nil {
		return fmt.Errorf("%s: %w", r.URL, err)
	}
	var files []client.DatasetFile
	for token := ""; ; {
		page, err := answer[client.DatasetFileList](from.ListDatasetFiles(ctx, ref.Name, ref.Version, &client.ListDatasetFilesParams{PageToken: set(token)}))
		if err != nil {
			return fmt.Errorf("%s: %w", r.URL, err)
		}
		files = append(files, page.Items...)
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	copied, err := answer[client.DatasetVersion](to.CreateDatasetVersion(ctx, ref.Name, client.DatasetVersionCreate{
		Files: files, Format: original.Format, TagFields: original.TagFields,
	}))
	if err != nil {
		return explain(s, err)
	}
	bar := newProgress(s.Err)
	for i, digest := range copied.Missing {
		if err := copyBlob(ctx, from, to, ref, digest); err != nil {
			return fmt.Errorf("%s: %w", digest, err)
		}
		bar.show("fetching "+ref.String(), int64(i+1), int64(len(copied.Missing)), "files")
	}
	bar.clear()
	_, err = read(to.CommitDatasetVersion(ctx, ref.Name, copied.Version))
	return explain(s, err)
}

// copyBlob streams a file from one server to another, which holds it against
// its digest.
func copyBlob(ctx context.Context, from, to *client.Client, ref models.DatasetRef, digest string) error {
	res, err := from.GetDatasetBlob(ctx, ref.Name, ref.Version, digest)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		var said client.Error
		_ = json.NewDecoder(res.Body).Decode(&said)
		return fmt.Errorf("the server answered %s: %s", res.Status, said.Message)
	}
	_, err = read(to.PutDatasetBlobWithBody(ctx, ref.Name, ref.Version, digest, "application/octet-stream", res.Body, func(_ context.Context, r *http.Request) error {
		r.ContentLength = res.ContentLength
		return nil
	}))
	return err
}

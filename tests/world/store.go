package world

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/tests/testbed/s3"
)

// keepInS3 gives the server of a data folder a prefix of its own in the S3 of
// SLIPWAY_TEST_S3, where that is set; a later server on the same folder finds
// it again.
func keepInS3(t testing.TB, cfg *config.Config) {
	t.Helper()
	if os.Getenv(s3.Variable) == "" || cfg.ArtifactsDestination != "" {
		return
	}
	server := s3.Shared(t)
	server.Address(t) // makes the bucket
	sum := sha256.Sum256([]byte(cfg.DataDir))
	cfg.ArtifactsDestination, cfg.S3Endpoint = "s3://"+s3.Bucket+"/"+hex.EncodeToString(sum[:12]), server.URL
}

// files is where a server keeps its artifacts: a folder, or a prefix of a bucket.
type files struct {
	folder         string
	bucket, prefix string
}

func filesOf(cfg config.Config) files {
	if rest, ok := strings.CutPrefix(cfg.ArtifactsDestination, "s3://"); ok {
		bucket, prefix, _ := strings.Cut(rest, "/")
		return files{bucket: bucket, prefix: prefix + "/"}
	}
	if cfg.ArtifactsDestination != "" {
		return files{folder: cfg.ArtifactsDestination}
	}
	return files{folder: filepath.Join(cfg.DataDir, "artifacts")}
}

// Stored lists the keys of what is in the artifact store, as somebody sees it
// who looks there past the server, but for what a server that starts tries.
func (f files) Stored(t testing.TB) []string {
	t.Helper()
	var keys []string
	if f.bucket == "" {
		require.NoError(t, filepath.WalkDir(f.folder, func(path string, d fs.DirEntry, err error) error {
			if key, _ := filepath.Rel(f.folder, path); err == nil && !d.IsDir() && key != blob.ProbeKey {
				keys = append(keys, filepath.ToSlash(key))
			}
			if errors.Is(err, fs.ErrNotExist) { // a folder that has just gone
				return nil
			}
			return err
		}))
		return keys
	}
	for pages := awss3.NewListObjectsV2Paginator(s3.Shared(t).Client(), &awss3.ListObjectsV2Input{Bucket: &f.bucket, Prefix: &f.prefix}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, o := range page.Contents {
			key := strings.TrimPrefix(*o.Key, f.prefix)
			if !strings.HasSuffix(key, "/") && key != blob.ProbeKey { // SeaweedFS goes on listing a folder that is empty
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// Write puts a file into the artifact store past the server.
func (f files) Write(t testing.TB, key, content string) {
	t.Helper()
	if f.bucket == "" {
		path := filepath.Join(f.folder, filepath.FromSlash(key))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) { // what is cited may be a second name of it
			require.NoError(t, err)
		}
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return
	}
	_, err := s3.Shared(t).Client().PutObject(t.Context(), &awss3.PutObjectInput{
		Bucket: &f.bucket, Key: aws.String(f.prefix + key), Body: strings.NewReader(content),
	})
	require.NoError(t, err)
}

// Lose removes a file, or a folder with what is in it, past the server.
func (f files) Lose(t testing.TB, key string) {
	t.Helper()
	if f.bucket == "" {
		require.NoError(t, os.RemoveAll(filepath.Join(f.folder, filepath.FromSlash(key))))
		return
	}
	for _, stored := range f.Stored(t) {
		if stored == key || strings.HasPrefix(stored, key+"/") {
			_, err := s3.Shared(t).Client().DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &f.bucket, Key: aws.String(f.prefix + stored)})
			require.NoError(t, err)
		}
	}
}

package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-ml/slipway/openapi/client"
)

// manifest lists the files of a folder with their digests, by path. Links to
// files are followed; hidden files and trainers' caches are left out.
func manifest(ctx context.Context, dir string, bar *progress) ([]client.DatasetFile, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case !entry.IsDir() && filepath.Ext(path) != ".cache":
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	files := make([]client.DatasetFile, 0, len(paths))
	for i, path := range paths {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		digest, length, err := hashFile(path)
		if err != nil {
			return nil, err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return nil, err
		}
		files = append(files, client.DatasetFile{Path: filepath.ToSlash(relative), SizeBytes: length, Digest: digest})
		bar.show("reading", int64(i+1), int64(len(paths)), "files")
	}
	bar.clear()
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no files", dir)
	}
	return files, nil
}

func hashFile(path string) (digest string, length int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() {
		return "", 0, fmt.Errorf("%s is no file that can be pushed (%s)", path, info.Mode().Type())
	}
	sum := sha256.New()
	length, err = io.Copy(sum, file)
	return "sha256:" + hex.EncodeToString(sum.Sum(nil)), length, err
}

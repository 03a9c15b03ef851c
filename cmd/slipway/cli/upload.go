package cli

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// filesUnder lists the files of a folder, relative to it, with slashes.
func filesUnder(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		files = append(files, filepath.ToSlash(relative))
		return err
	})
	return files, err
}

// send uploads a folder's files through the server's artifact proxy, below
// root/model. Files stream: none is held in memory.
func (r *Register) send(ctx context.Context, s *Streams, dir string, files []string, root string) error {
	place, ok := strings.CutPrefix(root, "mlflow-artifacts:")
	if !ok {
		return fmt.Errorf("the server keeps artifacts at %s, past itself: upload the folder there and register that address", root)
	}
	bar := newProgress(s.Err)
	defer bar.clear()
	for i, name := range files {
		if err := r.sendFile(ctx, filepath.Join(dir, filepath.FromSlash(name)), strings.Trim(place, "/")+"/model/"+name); err != nil {
			return fmt.Errorf("upload %s: %w", name, err)
		}
		bar.show("uploading", int64(i+1), int64(len(files)), "files")
	}
	return nil
}

func (r *Register) sendFile(ctx context.Context, path, artifact string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	parts := strings.Split(artifact, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut,
		strings.TrimSuffix(r.URL, "/")+"/api/2.0/mlflow-artifacts/artifacts/"+strings.Join(parts, "/"), file)
	if err != nil {
		return err
	}
	req.ContentLength = info.Size()
	req.Header.Set("Content-Type", "application/octet-stream")
	_ = r.signIn(ctx, req)
	_, err = read(http.DefaultClient.Do(req))
	return err
}

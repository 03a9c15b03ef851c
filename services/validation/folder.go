package validation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/models"
)

// Write puts the version's files, verified, below a folder that does not exist.
func (s *Subject) Write(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the model's folder: %w", err)
	}
	for _, e := range s.Manifest.Entries {
		if !filepath.IsLocal(filepath.FromSlash(e.Path)) {
			return models.Errorf(models.KindInvalid, "the file %q would lie outside the model's folder", e.Path)
		}
		if err := s.write(ctx, e, filepath.Join(dir, filepath.FromSlash(e.Path))); err != nil {
			return fmt.Errorf("write %s: %w", e.Path, err)
		}
	}
	return nil
}

func (s *Subject) write(ctx context.Context, e models.ManifestEntry, target string) error {
	body, err := s.Open(ctx, e)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640) //nolint:gosec // a local path below the step's folder
	if err != nil {
		return err
	}
	_, err = io.Copy(out, body)
	return errors.Join(err, out.Close())
}

// Folder gives a folder with the version's files, written once for the step.
// It is for reading.
func (s *Subject) Folder(ctx context.Context) (string, error) {
	dir := filepath.Join(s.Dir, "model")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	if err := s.Write(ctx, partial); err != nil {
		return "", err
	}
	return dir, os.Rename(partial, dir)
}

package validation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write puts the version's files, verified, into a new folder.
func (s *Subject) Write(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the model's folder: %w", err)
	}
	return s.files.Materialize(ctx, s.Manifest, dir)
}

// Folder gives a folder with the version's files, written once for the step.
// It is for reading.
func (s *Subject) Folder(ctx context.Context) (string, error) {
	dir := filepath.Join(s.Dir, "model")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	partial := dir + ".partial"
	if err := errors.Join(os.RemoveAll(partial), s.Write(ctx, partial)); err != nil {
		return "", err
	}
	return dir, os.Rename(partial, dir)
}

package vault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// createFile writes a new key, whole or not at all; of two who do so at once
// both read the first one's.
func createFile(file string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return nil, err
	}
	_, text := RandomKey()
	made, err := writeBeside(file, text)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(made) }()
	if err := os.Link(made, file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(file)
}

// replaceFile writes the keys of a file, a line each, whole or not at all.
func replaceFile(file string, texts ...string) error {
	made, err := writeBeside(file, texts...)
	if err != nil {
		return err
	}
	if err := os.Rename(made, file); err != nil {
		_ = os.Remove(made)
		return err
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return folder.Sync()
}

// writeBeside makes a file beside another, which its owner alone may read.
func writeBeside(file string, texts ...string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".key-*")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(strings.Join(texts, "\n") + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// lines are the keys of a file.
func lines(text []byte) (keys []string) {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			keys = append(keys, line)
		}
	}
	return keys
}

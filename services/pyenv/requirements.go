package pyenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// The bounds of requirements.
const (
	maxRequirements = 1 << 20
	maxFiles        = 50
)

// requirements are a file and those that it includes.
type requirements struct {
	name  string // of the first
	names []string
	texts map[string][]byte
	index []string // the options that name indexes
}

var (
	includes = regexp.MustCompile(`^(?:-r|-c|--requirement|--constraint)(?:\s*=\s*|\s+|\b)(\S.*)$`)
	indexes  = regexp.MustCompile(`^(?:-i|-f|--index-url|--extra-index-url|--find-links|--no-index)\b`)
	linksTo  = regexp.MustCompile(`^(?:-f|--find-links)(?:\s*=\s*|\s+)(\S+)`)
	onDisk   = regexp.MustCompile(`^(?:-e\b|--editable\b|\.|/|~|file:)|\bfile:|@\s*[./]`)
	comment  = regexp.MustCompile(`(?:^|\s+)#.*$`)
)

// gather reads requirements and what they include, within a folder. Nothing
// else of the folder takes part in the lock, so that the text is all there is.
func gather(root, name string) (requirements, error) {
	if name == "" {
		return requirements{}, nil
	}
	r := requirements{name: path.Clean(filepath.ToSlash(name)), texts: map[string][]byte{}}
	folder, err := os.OpenRoot(root)
	if err != nil {
		return r, fmt.Errorf("open the working folder: %w", err)
	}
	defer func() { _ = folder.Close() }()
	return r, r.add(folder.FS(), r.name, "requirements")
}

func (r *requirements) add(folder fs.FS, name, by string) error {
	if _, seen := r.texts[name]; seen {
		return nil
	}
	if len(r.names) == maxFiles {
		return models.Errorf(models.KindTooLarge, "%s includes more than %d files", r.name, maxFiles)
	}
	info, err := fs.Stat(folder, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return models.Errorf(models.KindNotFound, "%s: there is no file %q in the working folder", by, name)
	case err != nil || !info.Mode().IsRegular():
		return models.Errorf(models.KindInvalid, "%s: %q is no file within the working folder", by, name).Because(err)
	case info.Size() > maxRequirements:
		return models.Errorf(models.KindTooLarge, "%s: %q has more than %d bytes", by, name, maxRequirements)
	}
	text, err := fs.ReadFile(folder, name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	r.texts[name] = text
	r.names = append(r.names, name)
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(comment.ReplaceAllString(line, ""))
		at := fmt.Sprintf("%s:%d", name, i+1)
		if m := includes.FindStringSubmatch(line); m != nil {
			if err := r.add(folder, path.Join(path.Dir(name), strings.Trim(m[1], `"'`)), at); err != nil {
				return err
			}
			continue
		}
		if m := linksTo.FindStringSubmatch(line); onDisk.MatchString(line) || m != nil && !strings.Contains(m[1], "://") {
			return models.Errorf(models.KindInvalid, "%s: %q is a folder or a file, which no hash can pin: name packages of an index here, and let the command set PYTHONPATH for the team's own code", at, line)
		}
		if indexes.MatchString(line) {
			r.index = append(r.index, line)
		}
	}
	return nil
}

// write puts the files where uv finds them.
func (r *requirements) write(dir string) error {
	for name, text := range r.texts {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// id is all of them, for a digest.
func (r *requirements) id() []byte {
	var all strings.Builder
	for _, name := range r.names {
		fmt.Fprintf(&all, "%q %d\n%s", name, len(r.texts[name]), r.texts[name])
	}
	return []byte(all.String())
}

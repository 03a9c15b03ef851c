package checkout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// tree is what a commit holds.
type tree struct {
	modules []module
}

// module is a submodule: where it is, and its commit.
type module struct {
	path, commit string
}

// maxList bounds the list of a commit's files.
const maxList = 16 << 20

// look resolves a name to its commit and counts its files, before any of them
// is written.
func (f *fetch) look(ctx context.Context, from source, dir, name string) (string, tree, error) {
	list := filepath.Join(f.private, "list")
	text, err := f.run(ctx, &connection{from: from}, maxList, "sh", "-c",
		`cd "$1" && git rev-parse --verify "$2^{commit}" && exec git ls-tree -r -l -z --full-tree "$2" >"$3"`, "sh", dir, name, list)
	if err != nil {
		if info, gone := os.Stat(list); gone == nil && info.Size() >= maxList {
			return "", tree{}, models.Errorf(models.KindTooLarge, "the repository %s has more than %d files", from, maxFiles)
		}
		return "", tree{}, err
	}
	data, err := os.ReadFile(list)
	if err != nil {
		return "", tree{}, fmt.Errorf("read the list of files: %w", err)
	}
	var t tree
	for entry := range bytes.SplitSeq(bytes.TrimSuffix(data, []byte{0}), []byte{0}) {
		// mode, type, object and size, blanks between them; a tab; the path
		head, path, _ := strings.Cut(string(entry), "\t")
		fields := strings.Fields(head)
		if len(fields) != 4 {
			continue
		}
		f.files++
		if fields[1] == "commit" {
			t.modules = append(t.modules, module{path, fields[2]})
			continue
		}
		size, _ := strconv.ParseInt(fields[3], 10, 64)
		f.bytes += size
		if f.files > maxFiles || f.bytes > maxTree {
			return "", tree{}, models.Errorf(models.KindTooLarge, "the repository %s has more than %d files or %d GiB", from, maxFiles, maxTree>>30)
		}
	}
	return strings.TrimSpace(text), t, nil
}

// links refuses symbolic links that lead out of the repository: who opens the
// files may see more than they should.
func (f *fetch) links(root string) error {
	inside, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("open the repository: %w", err)
	}
	defer func() { _ = inside.Close() }()
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("look through the repository: %w", err)
		}
		if d.IsDir() && d.Name() == ".git" {
			return filepath.SkipDir
		}
		if d.Type()&fs.ModeSymlink == 0 {
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if _, err := inside.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return models.Errorf(models.KindForbidden, "the repository %s has the symbolic link %q, which leads out of it", f.top, name).Because(err)
		}
		return nil
	})
}

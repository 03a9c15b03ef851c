package checkout

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// submodules fetches those of a repository, each at the commit that it names,
// by the same rules. "git submodule" would take URLs as they come, and offer
// the token to any of them.
func (f *fetch) submodules(ctx context.Context, from source, dir string, modules []module, depth int) error {
	if depth >= maxDepth {
		return models.Errorf(models.KindTooLarge, "the submodules of %s go deeper than %d", f.top, maxDepth)
	}
	urls, err := f.moduleURLs(ctx, from, dir)
	if err != nil {
		return err
	}
	for _, m := range modules {
		if f.modules++; f.modules > maxModules {
			return models.Errorf(models.KindTooLarge, "%s has more than %d submodules", f.top, maxModules)
		}
		text, ok := urls[m.path]
		if !ok {
			return models.Errorf(models.KindInvalid, "the submodule %q of %s stands not in its .gitmodules", m.path, from)
		}
		to, err := parse(from.relative(text), f.Schemes)
		if err != nil {
			return models.Errorf(models.KindOf(err), "the submodule %q of %s: %s", m.path, from, err)
		}
		place := filepath.Join(dir, filepath.FromSlash(m.path))
		if info, err := os.Lstat(place); err != nil || !info.IsDir() {
			return models.Errorf(models.KindInvalid, "the submodule %q of %s has no folder", m.path, from)
		}
		_, _ = fmt.Fprintf(f.request.Log, "git: fetching the submodule %s of %s\n", m.path, to)
		if _, err := f.repository(ctx, to, m.commit, place, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// moduleURLs reads .gitmodules: the URL of each path.
func (f *fetch) moduleURLs(ctx context.Context, from source, dir string) (map[string]string, error) {
	text, err := f.git(ctx, from, "-C", dir, "config", "-z", "--blob", "HEAD:.gitmodules", "--get-regexp", `^submodule\..*\.(path|url)$`)
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "the .gitmodules of %s does not read", from).Because(err)
	}
	paths, urls, out := map[string]string{}, map[string]string{}, map[string]string{}
	for entry := range strings.SplitSeq(text, "\x00") {
		key, value, _ := strings.Cut(entry, "\n")
		if name, ok := strings.CutSuffix(key, ".path"); ok {
			paths[name] = value
		} else if name, ok := strings.CutSuffix(key, ".url"); ok {
			urls[name] = value
		}
	}
	for name, path := range paths {
		out[path] = urls[name]
	}
	return out, nil
}

package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/image/runtimes"
	"github.com/slipway-ml/slipway/storage"
)

// format changes when the same inputs begin to make another image.
const format = 1

// baseHost is the base that is taken from this machine.
const baseHost = "host"

// plan is all that goes into an image, before anything is written.
type plan struct {
	image      models.Image // as it will be, without its digests
	layers     []planned
	entrypoint []string
}

// planned is one layer to be: its files, and a key over what they are.
type planned struct {
	kind  models.LayerKind
	key   string
	files []file
}

// plan finds out what a version's image is made of.
func (s *Service) plan(ctx context.Context, versionID int64) (plan, error) {
	var v models.Version
	var build models.BuildSpec
	err := s.DB.View(ctx, func(tx storage.Tx) (err error) {
		if v, err = tx.Versions().Get(versionID); err != nil {
			return err
		}
		pipeline, err := tx.Pipelines().Current(v.ModelID)
		if models.IsKind(err, models.KindNotFound) {
			return nil
		}
		build = pipeline.Pipeline.Build
		return err
	})
	if err != nil {
		return plan{}, err
	}
	if build.Base != "" && build.Base != baseHost {
		return plan{}, models.Errorf(models.KindInvalid, "there is no base %q: use %s", build.Base, baseHost)
	}
	manifest, err := s.Files.Manifest(ctx, versionID)
	if err != nil {
		return plan{}, err
	}
	modelFiles, err := s.modelFiles(v, manifest)
	if err != nil {
		return plan{}, err
	}
	about, err := s.describe(ctx, v, manifest)
	if err != nil {
		return plan{}, err
	}
	rt, err := runtimes.Choose(build.Runtime, about)
	if err != nil {
		return plan{}, err
	}
	runtimeFiles, programs, err := s.runtimeFiles(rt)
	if err != nil {
		return plan{}, err
	}
	baseFiles, components, err := hostBase(s.Dpkg, programs[0], programs[1:]...)
	if err != nil {
		return plan{}, err
	}
	p := plan{
		image: models.Image{
			VersionID: v.ID, Model: v.Model, Version: v.Number, ModelDigest: manifest.Digest, Components: components,
			Runtime: rt.Name(), Base: baseHost, Platform: runtime.GOOS + "/" + runtime.GOARCH,
		},
		entrypoint: rt.Entrypoint(about),
		layers: []planned{
			{kind: models.LayerBase, files: baseFiles}, {kind: models.LayerRuntime, files: runtimeFiles}, {kind: models.LayerModel, files: modelFiles},
		},
	}
	var keys []string
	for i, l := range p.layers {
		p.layers[i].key = keyOf(l.kind, l.files)
		keys = append(keys, p.layers[i].key)
	}
	p.image.Inputs = digestOf(format, keys, p.image.Model, p.image.Version, p.image.Runtime, p.image.Base, p.image.Platform, p.entrypoint)
	return p, nil
}

// modelFiles are the version's, under /model.
func (s *Service) modelFiles(v models.Version, manifest models.Manifest) ([]file, error) {
	if len(manifest.Entries) == 0 {
		return nil, models.Errorf(models.KindInvalid, "version %d of %q has no files", v.Number, v.Model)
	}
	var files []file
	for _, e := range manifest.Entries {
		if e.SHA256 == "" {
			return nil, models.Errorf(models.KindConflict, "the files of version %d of %q are still being hashed: try again when that is done", v.Number, v.Model)
		}
		if err := localPath(e.Path); err != nil {
			return nil, err
		}
		files = append(files, file{
			path: path.Join("model", e.Path), mode: 0o644, size: e.Size, sha256: e.SHA256,
			open: func(ctx context.Context) (io.ReadCloser, error) { return s.Files.Open(ctx, e) },
		})
	}
	return files, nil
}

// describe reads what a model is out of its MLmodel.
func (s *Service) describe(ctx context.Context, v models.Version, manifest models.Manifest) (runtimes.Model, error) {
	about := runtimes.Model{Name: v.Model, Version: v.Number}
	for _, e := range manifest.Entries {
		about.Paths = append(about.Paths, e.Path)
		if e.Path != "MLmodel" {
			continue
		}
		rc, err := s.Files.Open(ctx, e)
		if err != nil {
			return about, err
		}
		text, err := io.ReadAll(io.LimitReader(rc, 1<<20))
		_ = rc.Close()
		if err != nil {
			return about, fmt.Errorf("read MLmodel: %w", err)
		}
		var document struct {
			Flavors map[string]any `yaml:"flavors"`
		}
		if err := yaml.Unmarshal(text, &document); err != nil {
			return about, models.Errorf(models.KindInvalid, "the MLmodel of version %d of %q does not parse: %s", v.Number, v.Model, err)
		}
		about.Flavors = slices.Sorted(maps.Keys(document.Flavors))
	}
	return about, nil
}

// runtimeFiles are what a runtime brings, and where its programs are here.
func (s *Service) runtimeFiles(rt runtimes.Runtime) (files []file, programs []string, err error) {
	for _, f := range rt.Files(s.RuntimeDir) {
		packed, err := onDisk(f.Source, f.Path, f.Mode)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, models.Errorf(models.KindConflict, "this server has no %s in %s: run make build, or set --runtime-dir",
				filepath.Base(f.Source), s.RuntimeDir).Because(err)
		}
		if err != nil {
			return nil, nil, err
		}
		files, programs = append(files, packed), append(programs, f.Source)
	}
	return files, programs, nil
}

// keyOf is a digest over what a layer is made of.
func keyOf(kind models.LayerKind, files []file) string {
	type entry struct {
		Path, Digest, Link string
		Mode               int64
	}
	entries := make([]entry, len(files))
	for i, f := range files {
		entries[i] = entry{f.path, f.sha256, f.link, f.mode}
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.Path, b.Path) })
	return digestOf(format, kind, entries)
}

func digestOf(parts ...any) string {
	data, err := json.Marshal(parts)
	if err != nil {
		panic(err) // strings and numbers encode
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

package image

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"

	"github.com/slipway-ml/slipway/models"
)

// file is one entry of a layer.
type file struct {
	path   string // without a leading slash
	mode   int64
	size   int64
	sha256 string // hex; checked while it is packed
	link   string // target of a symbolic link; no content then
	folder bool
	open   func(ctx context.Context) (io.ReadCloser, error)
}

// writeLayer packs files, stores the layer under its digest, and describes it.
// Model weights hardly compress, so their layer is a gzip stream that does not
// try. The compressor is pinned with our modules, not with the toolchain.
func (s *Service) writeLayer(ctx context.Context, kind models.LayerKind, key string, files []file) (models.ImageLayer, error) {
	layer := models.ImageLayer{Kind: kind, MediaType: string(types.OCILayer)}
	level := gzip.DefaultCompression
	if kind == models.LayerModel {
		level = gzip.NoCompression
	}
	plain, stored := &summer{Hash: sha256.New()}, &summer{Hash: sha256.New()}
	reader, writer := io.Pipe()
	zip, err := gzip.NewWriterLevel(io.MultiWriter(stored, writer), level)
	if err != nil {
		return layer, err
	}
	go func() {
		err := pack(ctx, io.MultiWriter(plain, zip), files)
		writer.CloseWithError(errors.Join(err, zip.Close()))
	}()
	upload := layoutDir + "/uploads/" + key
	object, err := s.Blobs.Put(ctx, upload, reader, -1)
	reader.CloseWithError(errors.New("the artifact store has stopped reading"))
	if err != nil {
		return layer, fmt.Errorf("store the %s layer: %w", kind, err)
	}
	layer.Digest, layer.DiffID, layer.Size = stored.digest(), plain.digest(), stored.size
	if object.Size != stored.size {
		return layer, fmt.Errorf("store the %s layer: %d of %d bytes arrived", kind, object.Size, stored.size)
	}
	return layer, s.settle(ctx, upload, blobKey(layer.Digest))
}

// settle moves an upload to its digest's key. Another server that builds the
// same may have done so first.
func (s *Service) settle(ctx context.Context, upload, key string) error {
	if err := s.Blobs.Copy(ctx, upload, key); err != nil {
		if _, missing := s.Blobs.Stat(ctx, key); missing != nil {
			return fmt.Errorf("store %s: %w", key, err)
		}
	}
	return s.Blobs.Delete(ctx, upload)
}

// pack writes an archive that depends on the files alone: sorted, with every
// folder, owned by root, without times.
func pack(ctx context.Context, w io.Writer, files []file) error {
	archive := tar.NewWriter(w)
	for _, f := range withFolders(files) {
		h := tar.Header{Name: f.path, Mode: f.mode, Size: f.size, Typeflag: tar.TypeReg}
		switch {
		case f.folder:
			h.Name, h.Typeflag = f.path+"/", tar.TypeDir
		case f.link != "":
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, f.link, 0
		}
		if err := archive.WriteHeader(&h); err != nil {
			return fmt.Errorf("pack %s: %w", f.path, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := packContent(ctx, archive, f); err != nil {
			return fmt.Errorf("pack %s: %w", f.path, err)
		}
	}
	return archive.Close()
}

func packContent(ctx context.Context, archive io.Writer, f file) error {
	rc, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer rc.Close()
	sum := &summer{Hash: sha256.New()}
	if _, err := io.Copy(io.MultiWriter(archive, sum), rc); err != nil {
		return err
	}
	if sum.size != f.size || sum.digest() != "sha256:"+f.sha256 {
		return fmt.Errorf("its bytes changed while the image was being built")
	}
	return nil
}

// withFolders adds the folders that files stand in and sorts all by path.
func withFolders(files []file) []file {
	all := map[string]file{}
	for _, f := range files {
		for dir := path.Dir(f.path); dir != "."; dir = path.Dir(dir) {
			if _, ok := all[dir]; !ok {
				all[dir] = file{path: dir, mode: 0o755, folder: true}
			}
		}
		all[f.path] = f
	}
	sorted := make([]file, 0, len(all))
	for _, f := range all {
		sorted = append(sorted, f)
	}
	slices.SortFunc(sorted, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return sorted
}

// text is a file with a given content.
func text(name, content string) file {
	sum := sha256.Sum256([]byte(content))
	return file{
		path: name, mode: 0o644, size: int64(len(content)), sha256: hex.EncodeToString(sum[:]),
		open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil },
	}
}

// onDisk is a file of this machine, its digest taken now.
func onDisk(source, name string, mode int64) (file, error) {
	f, err := os.Open(source)
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	sum := &summer{Hash: sha256.New()}
	if _, err := io.Copy(sum, f); err != nil {
		return file{}, err
	}
	return file{
		path: name, mode: mode, size: sum.size, sha256: hex.EncodeToString(sum.Sum(nil)),
		open: func(context.Context) (io.ReadCloser, error) { return os.Open(source) },
	}, nil
}

// summer counts and digests what is written to it.
type summer struct {
	hash.Hash
	size int64
}

func (s *summer) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	return s.Hash.Write(p)
}

func (s *summer) digest() string { return "sha256:" + hex.EncodeToString(s.Sum(nil)) }

// localPath refuses a model's path that would leave its folder.
func localPath(p string) error {
	if !fs.ValidPath(p) || p == "." {
		return models.Errorf(models.KindInvalid, "the version's path %q cannot stand in an image", p)
	}
	return nil
}

package oci

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
)

// Unpack writes an image's files under dir, which has to be there. Owners,
// times and devices are left out. Nothing is written outside dir, and links to
// absolute paths are made to stay in it.
func Unpack(ctx context.Context, img v1.Image, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		digest, err := l.Digest()
		if err != nil {
			return err
		}
		if err := unpackLayer(ctx, l, root); err != nil {
			return fmt.Errorf("unpack layer %s: %w", digest, err)
		}
	}
	return nil
}

func unpackLayer(ctx context.Context, l v1.Layer, root *os.Root) error {
	rc, err := l.Compressed()
	if err != nil {
		return err
	}
	defer rc.Close()
	err = unpackArchive(ctx, opened{l, rc}, root)
	// A layer is verified at its end: what follows the archive's counts, and
	// what does not unpack has its cause there.
	if _, faulty := io.Copy(io.Discard, rc); faulty != nil {
		return faulty
	}
	return err
}

func unpackArchive(ctx context.Context, l partial.CompressedLayer, root *os.Root) error {
	plain, err := partial.CompressedToLayer(l)
	if err != nil {
		return err
	}
	rc, err := plain.Uncompressed()
	if err != nil {
		return err
	}
	files := tar.NewReader(rc)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := unpackFile(root, h, files); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// opened is a layer whose bytes are being read already.
type opened struct {
	v1.Layer
	rc io.ReadCloser
}

func (o opened) Compressed() (io.ReadCloser, error) { return o.rc, nil }

func unpackFile(root *os.Root, h *tar.Header, content io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
	if name == "" {
		return nil
	}
	folder, base := path.Split(name)
	if err := root.MkdirAll(path.Clean("./"+folder), 0o755); err != nil {
		return err
	}
	if hidden, ok := strings.CutPrefix(base, ".wh."); ok {
		return whiteOut(root, folder, hidden)
	}
	if h.Typeflag != tar.TypeDir {
		if err := root.RemoveAll(name); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		err := root.Mkdir(name, 0o755)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	case tar.TypeReg:
		return writeFile(root, name, fs.FileMode(h.Mode).Perm()|0o400, content)
	case tar.TypeSymlink:
		target := h.Linkname
		if path.IsAbs(target) {
			rel, err := filepath.Rel("/"+folder, target)
			if err != nil {
				return err
			}
			target = rel
		}
		return root.Symlink(target, name)
	case tar.TypeLink:
		return root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), name)
	}
	return nil // a device, a pipe: of no use here
}

func writeFile(root *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// whiteOut removes what a lower layer brought: one name, or (.wh..wh..opq) all
// of a folder.
func whiteOut(root *os.Root, folder, name string) error {
	if name != ".wh..opq" {
		return root.RemoveAll(path.Join(folder, name))
	}
	dir, err := root.Open(path.Clean("./" + folder))
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := root.RemoveAll(path.Join(folder, n)); err != nil {
			return err
		}
	}
	return nil
}

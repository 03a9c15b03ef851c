package oci_test

import (
	"archive/tar"
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy/oci"
)

func layer(t *testing.T, entries ...tar.Header) v1.Layer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range entries {
		h.Mode = 0o755
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		require.NoError(t, w.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := io.WriteString(w, h.Name)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	return static.NewLayer(out.Bytes(), types.OCIUncompressedLayer)
}

func file(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }
func link(name, to string) tar.Header {
	return tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeSymlink}
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		layers [][]tar.Header
		want   []string // the files, links followed
		fails  bool
	}{
		"upper layers win":                      {layers: [][]tar.Header{{file("a"), file("b/c")}, {file("a")}}, want: []string{"a", "b/c"}},
		"a whiteout removes one":                {layers: [][]tar.Header{{file("b/c"), file("b/d")}, {file("b/.wh.c")}}, want: []string{"b/d"}},
		"an opaque whiteout removes a folder's": {layers: [][]tar.Header{{file("b/c"), file("b/d/e")}, {file("b/.wh..wh..opq"), file("b/f")}}, want: []string{"b/f"}},
		"a file replaces a folder":              {layers: [][]tar.Header{{file("b/c")}, {file("b")}}, want: []string{"b"}},
		"an absolute link stays inside":         {layers: [][]tar.Header{{file("usr/lib/x"), link("lib", "/usr/lib")}}, want: []string{"usr/lib/x", "lib/x"}},
		"a path that climbs stays inside":       {layers: [][]tar.Header{{file("../../up")}}, want: []string{"up"}},
		"a link that climbs is not followed":    {layers: [][]tar.Header{{link("out", "../../.."), file("out/x")}}, fails: true},
		"a hard link is a file":                 {layers: [][]tar.Header{{file("a"), {Name: "b", Linkname: "/a", Typeflag: tar.TypeLink}}}, want: []string{"a", "b"}},
		"a device is left out":                  {layers: [][]tar.Header{{file("a"), {Name: "dev/null", Typeflag: tar.TypeChar}}}, want: []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img, err := mutate.AppendLayers(empty.Image)
			require.NoError(t, err)
			for _, l := range c.layers {
				img, err = mutate.AppendLayers(img, layer(t, l...))
				require.NoError(t, err)
			}
			outer := t.TempDir()
			dir := filepath.Join(outer, "in", "ner", "most")
			require.NoError(t, os.MkdirAll(dir, 0o750))
			err = oci.Unpack(t.Context(), img, dir)
			if c.fails {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
			}
			for _, f := range c.want {
				require.FileExists(t, filepath.Join(dir, f))
			}
			var outside []string
			require.NoError(t, filepath.WalkDir(outer, func(p string, d fs.DirEntry, err error) error {
				if p == dir {
					return fs.SkipDir
				}
				if !d.IsDir() {
					outside = append(outside, p)
				}
				return err
			}))
			require.Empty(t, outside)
			if name == "a whiteout removes one" || name == "an opaque whiteout removes a folder's" {
				require.NoFileExists(t, filepath.Join(dir, "b", "c"))
			}
		})
	}
}

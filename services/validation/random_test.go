package validation

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

// oneFile is a store of one file, whose bytes may change.
type oneFile struct {
	Files
	bytes []byte
}

func (f *oneFile) Open(context.Context, models.ManifestEntry) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f.bytes)), nil
}

func (f *oneFile) Part(_ context.Context, _ models.ManifestEntry, offset, length int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f.bytes[offset : offset+length])), nil
}

func TestRandomReadsGiveWhatWasVerified(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 4<<20 - 1, 4 << 20, 4<<20 + 1, 30<<20 + 7} {
		file := &oneFile{bytes: make([]byte, size)}
		for i := range file.bytes {
			file.bytes[i] = byte(r.Uint32())
		}
		at, err := (&Subject{files: file}).Random(t.Context(), models.ManifestEntry{Path: "x", Size: int64(size)})
		require.NoError(t, err)
		for range 50 {
			from := r.IntN(size + 1)
			got := make([]byte, r.IntN(9<<20))
			n, err := at.ReadAt(got, int64(from))
			want := file.bytes[from:min(from+len(got), size)]
			require.True(t, bytes.Equal(want, got[:n]))
			if len(want) < len(got) {
				require.Equal(t, io.EOF, err)
			}
		}
		if size <= 16<<20 {
			continue
		}
		for i := range file.bytes {
			file.bytes[i]++
		}
		_, err = at.ReadAt(make([]byte, size), 0)
		require.ErrorContains(t, err, "x changed while it was read")
	}
}

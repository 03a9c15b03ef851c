package clients_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

// over32 is a size, in bytes, that 32 bits with a sign cannot tell.
const over32 = 1<<31 + 1

// counted gives blocks that are all different, for ever.
type counted struct {
	block [1 << 16]byte
	left  []byte
	n     uint64
}

func (c *counted) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		c.n++
		binary.LittleEndian.PutUint64(c.block[:], c.n)
		c.left = c.block[:]
	}
	n := copy(p, c.left)
	c.left = c.left[n:]
	return n, nil
}

// A file of more than 2 GiB goes up and comes down, in whole and in part.
func TestClientsMoveAFileOver2GiB(t *testing.T) {
	if os.Getenv("SLIPWAY_TEST_CLIENTS") == "" {
		t.Skip("make test-clients runs this")
	}
	for name, flags := range map[string]func(t *testing.T) []string{
		"in a folder": func(t *testing.T) []string { return []string{"--artifacts-destination", t.TempDir()} },
		"in S3": func(t *testing.T) []string {
			server := s3.Start(t) // which is gone with its 2 GiB at the end
			return []string{"--artifacts-destination", server.Address(t), "--s3-endpoint", server.URL}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := world.StartProcess(t, t.TempDir(), flags(t)...)
			file := server.URL + "/api/2.0/mlflow-artifacts/artifacts/large"
			sent := sha256.New()
			put, err := http.NewRequestWithContext(t.Context(), http.MethodPut, file, io.TeeReader(io.LimitReader(&counted{}, over32), sent))
			require.NoError(t, err)
			put.ContentLength = over32
			answer, err := http.DefaultClient.Do(put)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusOK, answer.StatusCode)

			whole, err := http.Get(file)
			require.NoError(t, err)
			defer whole.Body.Close()
			require.Equal(t, int64(over32), whole.ContentLength)
			came := sha256.New()
			n, err := io.Copy(came, whole.Body)
			require.NoError(t, err)
			require.Equal(t, int64(over32), n)
			require.True(t, bytes.Equal(sent.Sum(nil), came.Sum(nil)))

			get, err := http.NewRequestWithContext(t.Context(), http.MethodGet, file, nil)
			require.NoError(t, err)
			get.Header.Set("Range", "bytes=2147483640-") // across the border
			part, err := http.DefaultClient.Do(get)
			require.NoError(t, err)
			defer part.Body.Close()
			require.Equal(t, "bytes 2147483640-2147483648/2147483649", part.Header.Get("Content-Range"))
			last, err := io.ReadAll(part.Body)
			require.NoError(t, err)
			require.Equal(t, append(make([]byte, 8), 0x01), last)
			listed := server.OK(http.MethodGet, "/api/2.0/mlflow-artifacts/artifacts?path=", nil)["files"].([]any)[0].(map[string]any)
			require.InDelta(t, over32, listed["file_size"], 0)
		})
	}
}

package api_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/world"
)

// endless gives the same bytes for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i)
	}
	return len(p), nil
}

// peak is the most memory a process has had, in bytes.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, m)
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	require.NoError(t, err)
	return kb << 10
}

func TestALargeFileNeedsNoMemory(t *testing.T) {
	t.Parallel()
	const size = 256 << 20
	p := world.StartProcess(t, t.TempDir())
	upload(t, p.World, "warm", "up")
	before := peak(t, p.Pid())
	for path, r := range map[string]io.Reader{"known": io.LimitReader(endless{}, size), "chunked": io.LimitReader(endless{}, size)} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.URL+proxy+"/"+path, r)
		require.NoError(t, err)
		if path == "known" {
			req.ContentLength = size
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
	res, err := http.Get(p.URL + proxy + "/chunked")
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, int64(size), res.ContentLength)
	got, want := sha256.New(), sha256.New()
	n, err := io.Copy(got, res.Body)
	require.NoError(t, err)
	require.Equal(t, int64(size), n)
	_, err = io.CopyN(want, endless{}, size)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf(`"%x"`, want.Sum(nil)), res.Header.Get("ETag"))
	require.Equal(t, want.Sum(nil), got.Sum(nil))
	require.Less(t, peak(t, p.Pid())-before, int64(64<<20))
}

package cache_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/dataset/cache"
)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// clock goes on by a second each time it is asked.
func clock() func() time.Time {
	var mu sync.Mutex
	now := time.Unix(1_700_000_000, 0)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

func keep(t *testing.T, f *cache.Folder, text string) {
	t.Helper()
	body := f.Keep(digest(text), int64(len(text)), io.NopCloser(strings.NewReader(text)))
	got, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, text, string(got))
	require.NoError(t, body.Close())
}

func has(t *testing.T, f *cache.Folder, text string) bool {
	t.Helper()
	body, ok := f.Get(digest(text))
	if !ok {
		return false
	}
	got, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	require.Equal(t, text, string(got))
	return true
}

func TestWhatIsKeptIsGivenAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := cache.Open(dir, 64<<20, clock())
	require.NoError(t, err)
	large := strings.Repeat("0123456789", 600_000)
	for _, text := range []string{"", "small", large} {
		require.False(t, has(t, f, text))
		keep(t, f, text)
		require.True(t, has(t, f, text))
	}
	file, ok := f.File(digest(large))
	require.True(t, ok)
	part := make([]byte, 3)
	_, err = file.ReadAt(part, 11)
	require.NoError(t, err)
	require.Equal(t, "123", string(part))
	require.NoError(t, file.Close())

	again, err := cache.Open(dir, 64<<20, clock())
	require.NoError(t, err)
	require.True(t, has(t, again, "small"), "the next life finds it")
}

func TestAFileThatIsNotWhatItsDigestSaysIsNotGiven(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := cache.Open(dir, 64<<20, clock())
	require.NoError(t, err)
	for _, text := range []string{"small", strings.Repeat("x", 5<<20)} {
		keep(t, f, text)
		path := filepath.Join(dir, digest(text)[:2], digest(text))
		require.NoError(t, os.WriteFile(path, []byte("Small"+text[5:]), 0o600))
		require.False(t, has(t, f, text))
		require.NoFileExists(t, path)
		keep(t, f, text)
		require.True(t, has(t, f, text))
	}
}

func TestTheOldestMakeRoom(t *testing.T) {
	t.Parallel()
	f, err := cache.Open(t.TempDir(), 1000, clock())
	require.NoError(t, err)
	texts := make([]string, 10)
	for i := range texts {
		texts[i] = strings.Repeat(string(rune('a'+i)), 100)
		keep(t, f, texts[i])
		require.True(t, has(t, f, texts[i]))
	}
	require.True(t, has(t, f, texts[0]), "used again")
	keep(t, f, strings.Repeat("z", 100))
	require.True(t, has(t, f, texts[0]))
	require.False(t, has(t, f, texts[1]))
	require.True(t, has(t, f, texts[9]))
	keep(t, f, strings.Repeat("y", 501))
	require.False(t, has(t, f, strings.Repeat("y", 501)), "more than half of the bound is not kept")
}

func TestWhatDoesNotComeToItsEndIsNotKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := cache.Open(dir, 64<<20, clock())
	require.NoError(t, err)
	body := f.Keep(digest("whole"), 5, io.NopCloser(strings.NewReader("whole")))
	_, err = io.ReadFull(body, make([]byte, 3))
	require.NoError(t, err)
	require.NoError(t, body.Close())
	broken := errors.New("not what its digest says")
	body = f.Keep(digest("whole"), 5, io.NopCloser(io.MultiReader(strings.NewReader("whol"), failing{broken})))
	_, err = io.ReadAll(body)
	require.ErrorIs(t, err, broken)
	require.NoError(t, body.Close())
	require.False(t, has(t, f, "whole"))

	left := filepath.Join(dir, "ab", "new-123")
	require.NoError(t, os.MkdirAll(filepath.Dir(left), 0o750))
	require.NoError(t, os.WriteFile(left, []byte("of a life that was killed"), 0o600))
	_, err = cache.Open(dir, 64<<20, clock())
	require.NoError(t, err)
	require.NoFileExists(t, left)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	f, err := cache.Open(t.TempDir(), 2000, clock())
	require.NoError(t, err)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 50 {
				text := strings.Repeat(string(rune('a'+(i+j)%26)), 100)
				body, ok := f.Get(digest(text))
				if !ok {
					body = f.Keep(digest(text), 100, io.NopCloser(strings.NewReader(text)))
				}
				got, err := io.ReadAll(body)
				if err != nil || string(got) != text || body.Close() != nil {
					t.Errorf("%q: %v", got, err)
				}
			}
		})
	}
	group.Wait()
}

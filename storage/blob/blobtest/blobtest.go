// Package blobtest is the suite that every artifact store passes.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Exercise runs the suite; open gives a store that is empty. A file's name may
// have any sign but those in not, which the server that is tested cannot keep.
func Exercise(t *testing.T, open func(t *testing.T) blob.Store, not ...string) {
	for name, test := range map[string]func(*testing.T, blob.Store){
		"what is put comes back with its size and digest":  roundTrip,
		"any part of an object can be read":                ranges,
		"a file's name may have any sign":                  func(t *testing.T, s blob.Store) { names(t, s, not) },
		"a key that leaves the store is refused":           escapes,
		"nothing is visible before an upload is complete":  invisible,
		"an upload of another length than announced fails": announced,
		"an overwrite replaces the whole":                  overwrite,
		"a folder lists its direct children":               list,
		"a walk meets every object once":                   walk,
		"children are told of while they go":               each,
		"a copy outlives its source":                       copies,
		"a delete takes an object or a folder":             deletes,
		"a caller who leaves stores nothing":               cancelled,
		"uploads of one key at once leave one of them":     together,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func put(t *testing.T, s blob.Store, key, content string) blob.Object {
	t.Helper()
	o, err := s.Put(t.Context(), key, strings.NewReader(content), int64(len(content)))
	require.NoError(t, err)
	return o
}

func get(t *testing.T, s blob.Store, key string) string {
	t.Helper()
	r, _, err := s.Get(t.Context(), key, 0, -1)
	require.NoError(t, err)
	return read(t, r)
}

func read(t *testing.T, r io.ReadCloser) string {
	t.Helper()
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return string(content)
}

func requireKind(t *testing.T, kind models.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, models.KindOf(err), "%v", err)
}

func walked(t *testing.T, s blob.Store, folder string) []string {
	t.Helper()
	var keys []string
	require.NoError(t, s.Walk(t.Context(), folder, func(o blob.Object) error {
		keys = append(keys, o.Key)
		return nil
	}))
	return keys
}

func roundTrip(t *testing.T, s blob.Store) {
	for _, size := range []int{0, 1, 4096, 3 << 20} {
		content := bytes.Repeat([]byte{7, 1, 0}, size/3+1)[:size]
		sum := sha256.Sum256(content)
		for key, announced := range map[string]int64{"1/known": int64(size), "1/unknown": -1} {
			o, err := s.Put(t.Context(), key, bytes.NewReader(content), announced)
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(sum[:]), o.SHA256)
			require.Equal(t, int64(size), o.Size)
			require.Equal(t, string(content), get(t, s, key))
			stat, err := s.Stat(t.Context(), key)
			require.NoError(t, err)
			require.Equal(t, key, stat.Key)
			require.Equal(t, int64(size), stat.Size)
			require.True(t, o.Modified.Equal(stat.Modified), "%v %v", o.Modified, stat.Modified)
		}
	}
	_, _, err := s.Get(t.Context(), "1/none", 0, -1)
	requireKind(t, models.KindNotFound, err)
	_, err = s.Stat(t.Context(), "1/known/below")
	requireKind(t, models.KindNotFound, err)
	_, err = s.Stat(t.Context(), "1")
	requireKind(t, models.KindNotFound, err)
	_, _, err = s.Get(t.Context(), "1", 0, -1)
	requireKind(t, models.KindNotFound, err)
}

func ranges(t *testing.T, s blob.Store) {
	put(t, s, "x", "0123456789")
	for _, c := range []struct {
		offset, length int64
		want           string
	}{{0, -1, "0123456789"}, {3, -1, "3456789"}, {3, 4, "3456"}, {9, 1, "9"}, {10, -1, ""}, {0, 0, ""}, {8, 100, "89"}} {
		r, o, err := s.Get(t.Context(), "x", c.offset, c.length)
		require.NoError(t, err)
		require.Equal(t, int64(10), o.Size)
		require.Equal(t, c.want, read(t, r))
	}
	_, _, err := s.Get(t.Context(), "x", 11, -1)
	requireKind(t, models.KindInvalid, err)
}

func names(t *testing.T, s blob.Store, not []string) {
	all := []string{
		"a b.txt", "a:b.txt", "100%.txt", "模.txt", "img%step%1.png", "%2e%2e", "..txt", "...", ".hidden", "a\\b", "a\nb",
		"a?b#c&d=e+f", "'\"`$x", strings.Repeat("n", 255), "e\u0301.txt", "\u00e9.txt", "-rf", "CON", "x.",
	}
	all = slices.DeleteFunc(all, func(name string) bool {
		return slices.ContainsFunc(not, func(sign string) bool { return strings.Contains(name, sign) })
	})
	for _, name := range all {
		put(t, s, "1/"+name, name)
	}
	entries, err := s.List(t.Context(), "1")
	require.NoError(t, err)
	listed := make([]string, len(entries))
	for i, e := range entries {
		listed[i] = e.Name
		require.Equal(t, e.Name, get(t, s, "1/"+e.Name))
	}
	require.ElementsMatch(t, all, listed)
}

func escapes(t *testing.T, s blob.Store) {
	put(t, s, "inside", "x")
	for _, key := range []string{
		"", "/etc/passwd", "..", "../x", "a/../../x", "a/..", "./x", "a/./b", "a//b", "a/", "a\x00b", "a\xff",
		strings.Repeat("n", 256), strings.Repeat("a/", 600) + "a",
	} {
		_, err := s.Put(t.Context(), key, strings.NewReader("x"), 1)
		requireKind(t, models.KindInvalid, err)
		_, _, err = s.Get(t.Context(), key, 0, -1)
		requireKind(t, models.KindInvalid, err)
		_, err = s.Stat(t.Context(), key)
		requireKind(t, models.KindInvalid, err)
		requireKind(t, models.KindInvalid, s.Copy(t.Context(), "inside", key))
		requireKind(t, models.KindInvalid, s.Copy(t.Context(), key, "inside"))
		requireKind(t, models.KindInvalid, s.Delete(t.Context(), key))
		if key != "" {
			_, err = s.List(t.Context(), key)
			requireKind(t, models.KindInvalid, err)
			requireKind(t, models.KindInvalid, s.Walk(t.Context(), key, func(blob.Object) error { return nil }))
		}
	}
	require.Equal(t, []string{"inside"}, walked(t, s, ""))
}

func invisible(t *testing.T, s blob.Store) {
	put(t, s, "d/old", "old")
	r, w := io.Pipe()
	done := make(chan error, 1)
	for _, key := range []string{"d/new", "d/old"} {
		go func() {
			_, err := s.Put(t.Context(), key, r, -1)
			done <- err
		}()
		_, err := w.Write(bytes.Repeat([]byte("half"), 1<<10))
		require.NoError(t, err)
		require.Equal(t, []string{"d/old"}, walked(t, s, ""))
		top, err := s.List(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, []blob.Entry{{Name: "d", IsDir: true}}, top)
		require.Equal(t, "old", get(t, s, "d/old"))
		require.NoError(t, w.CloseWithError(errors.New("the client has gone")))
		require.Error(t, <-done)
		require.Equal(t, []string{"d/old"}, walked(t, s, ""))
		require.Equal(t, "old", get(t, s, "d/old"))
		r, w = io.Pipe()
	}
}

func announced(t *testing.T, s blob.Store) {
	put(t, s, "x", "old")
	for _, size := range []int64{0, 3, 5, 1 << 40} {
		_, err := s.Put(t.Context(), "x", strings.NewReader("four"), size)
		requireKind(t, models.KindInvalid, err)
		require.Equal(t, "old", get(t, s, "x"))
	}
}

func overwrite(t *testing.T, s blob.Store) {
	put(t, s, "x", "a longer first content")
	r, _, err := s.Get(t.Context(), "x", 0, -1)
	require.NoError(t, err)
	put(t, s, "x", "short")
	require.Equal(t, "short", get(t, s, "x"))
	require.Equal(t, "a longer first content", read(t, r), "a reader goes on with what it opened")
}

func list(t *testing.T, s blob.Store) {
	put(t, s, "m/b.txt", "four")
	put(t, s, "m/a/x", "1")
	put(t, s, "m/a/y", "2")
	put(t, s, "m/a.txt", "")
	put(t, s, "mm", "1")
	entries, err := s.List(t.Context(), "m")
	require.NoError(t, err)
	require.Equal(t, []blob.Entry{{Name: "a", IsDir: true}, {Name: "a.txt"}, {Name: "b.txt", Size: 4}}, entries)
	for _, folder := range []string{"none", "m/none", "mm", "m/a/x/y"} {
		entries, err = s.List(t.Context(), folder)
		require.NoError(t, err)
		require.Empty(t, entries)
	}
}

func walk(t *testing.T, s blob.Store) {
	for _, key := range []string{"m/a/z", "m/a.txt", "m/a-b", "m/a0", "m/b/c/d", "n", "m.x"} {
		put(t, s, key, "1")
	}
	require.ElementsMatch(t, []string{"m/a-b", "m/a.txt", "m/a/z", "m/a0", "m/b/c/d"}, walked(t, s, "m"))
	require.Len(t, walked(t, s, ""), 7)
	require.Empty(t, walked(t, s, "n"))
	stop := errors.New("enough")
	require.ErrorIs(t, s.Walk(t.Context(), "m", func(blob.Object) error { return stop }), stop)
	fill(t, s, 2500)
	require.Len(t, walked(t, s, "many"), 2500)
}

// fill puts so many objects, tens of them, into a folder many.
func fill(t *testing.T, s blob.Store, objects int) {
	t.Helper()
	var wg sync.WaitGroup
	for part := range 10 {
		wg.Go(func() {
			for i := range objects / 10 {
				if _, err := s.Put(t.Context(), fmt.Sprintf("many/%04d", part*objects/10+i), strings.NewReader(""), 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func each(t *testing.T, s blob.Store) {
	put(t, s, "many/folder/x", "1")
	put(t, s, "many/folder/y", "1")
	const objects = 2200
	fill(t, s, objects)
	names := map[string]int{}
	var told []string
	require.NoError(t, s.Each(t.Context(), "many", func(e blob.Entry) error {
		names[e.Name]++
		require.Equal(t, e.Name == "folder", e.IsDir)
		if told = append(told, "many/"+e.Name); len(told) < 400 {
			return nil
		}
		err := s.DeleteFiles(t.Context(), told)
		told = told[:0]
		return err
	}))
	require.Len(t, names, objects+1)
	for name, times := range names {
		require.Equal(t, 1, times, name)
	}
	stop := errors.New("enough")
	require.ErrorIs(t, s.Each(t.Context(), "many", func(blob.Entry) error { return stop }), stop)
	require.NoError(t, s.Each(t.Context(), "none", func(blob.Entry) error { return stop }))
	require.Error(t, s.Each(t.Context(), "../x", func(blob.Entry) error { return nil }))
}

func copies(t *testing.T, s blob.Store) {
	put(t, s, "a/src", "first")
	require.NoError(t, s.Copy(t.Context(), "a/src", "b/c/dst"))
	require.NoError(t, s.Copy(t.Context(), "a/src", "b/c/dst"), "again")
	put(t, s, "a/src", "second")
	require.Equal(t, "first", get(t, s, "b/c/dst"))
	require.NoError(t, s.Delete(t.Context(), "a"))
	require.Equal(t, "first", get(t, s, "b/c/dst"))
	requireKind(t, models.KindNotFound, s.Copy(t.Context(), "a/src", "b/other"))
	requireKind(t, models.KindNotFound, s.Copy(t.Context(), "b", "other"))
	require.Equal(t, []string{"b/c/dst"}, walked(t, s, ""))
}

func deletes(t *testing.T, s blob.Store) {
	for _, key := range []string{"m/a/x", "m/a/y", "m/ab", "m/b"} {
		put(t, s, key, "1")
	}
	require.NoError(t, s.Delete(t.Context(), "m/a"))
	require.Equal(t, []string{"m/ab", "m/b"}, walked(t, s, ""))
	for _, key := range []string{"m/a", "m/b", "m/none/x", "m/ab/x", "none"} {
		require.NoError(t, s.Delete(t.Context(), key))
	}
	require.Equal(t, []string{"m/ab"}, walked(t, s, ""))
	require.NoError(t, s.Delete(t.Context(), "m/ab"))
	require.Empty(t, walked(t, s, ""))
}

func cancelled(t *testing.T, s blob.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, "x", strings.NewReader("x"), 1)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, walked(t, s, ""))
}

func together(t *testing.T, s blob.Store) {
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			content := strings.Repeat(string(rune('a'+i)), 100_000)
			_, err := s.Put(t.Context(), "d/x", strings.NewReader(content), -1)
			if err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := s.Delete(t.Context(), "d/y"); err != nil { // empties d now and then
				t.Error(err)
			}
		})
	}
	wg.Wait()
	content := get(t, s, "d/x")
	require.Equal(t, strings.Repeat(content[:1], 100_000), content)
}

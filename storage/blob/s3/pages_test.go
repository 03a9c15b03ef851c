package s3_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/s3"
	testbed "github.com/slipway-ml/slipway/tests/testbed/s3"
)

// live is what is held in memory now.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// keys answers a listing of so many keys, a page at a time, as S3 documents it.
func keys(t *testing.T, many int) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("list-type") != "2" {
			http.Error(w, "a listing is asked for", http.StatusNotImplemented)
			return
		}
		from, _ := strconv.Atoi(q.Get("continuation-token"))
		to := min(from+1000, many)
		w.Header().Set("Content-Type", "application/xml")
		_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>b</Name><KeyCount>%d</KeyCount><IsTruncated>%t</IsTruncated><NextContinuationToken>%d</NextContinuationToken>`, to-from, to < many, to)
		for i := from; i < to; i++ {
			if q.Get("delimiter") == "" {
				_, _ = fmt.Fprintf(w, `<Contents><Key>run/%032d/artifacts/model/MLmodel</Key><Size>1</Size><ETag>&quot;%032d&quot;</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>`, i, i)
			} else {
				_, _ = fmt.Fprintf(w, `<CommonPrefixes><Prefix>run/%032d/</Prefix></CommonPrefixes>`, i)
			}
		}
		_, _ = fmt.Fprint(w, `</ListBucketResult>`)
	}))
	t.Cleanup(server.Close)
	return server
}

// A listing holds a page, however many there are. Nothing else runs beside
// this test.
func TestTheMemoryOfAListingDoesNotGrowWithTheKeys(t *testing.T) {
	testbed.Shared(t) // signs in
	const many = 100_000
	s := open(t, "s3://b", s3.Options{Endpoint: keys(t, many).URL})
	for name, list := range map[string]func(ctx context.Context, seen func(string) error) error{
		"objects": func(ctx context.Context, seen func(string) error) error {
			return s.Walk(ctx, "run", func(o blob.Object) error { return seen(o.Key) })
		},
		"folders": func(ctx context.Context, seen func(string) error) error {
			return s.Each(ctx, "run", func(e blob.Entry) error { return seen(e.Name) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, last := 0, ""
			var early, late int64
			require.NoError(t, list(t.Context(), func(key string) error {
				require.Less(t, last, key)
				last = key
				switch n++; n {
				case 2_000:
					early = live()
				case many:
					late = live()
				}
				return nil
			}))
			require.Equal(t, many, n)
			t.Logf("%d KiB after 2,000, %d KiB after %d", early>>10, late>>10, many)
			require.Less(t, late-early, int64(2<<20))
		})
	}
}

package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed/postgres"
	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

// Two servers on one database and one store replace the same file at once: who
// reads it sees one of the two whole, with the digest of just that, and every
// version that was registered meanwhile keeps the bytes that it froze.
func TestTwoServersReplaceOneFile(t *testing.T) {
	t.Parallel()
	t.Run("in a folder", func(t *testing.T) {
		t.Parallel()
		replaceByTwo(t, nil, "--artifacts-destination", filepath.Join(t.TempDir(), "shared"))
	})
	t.Run("in S3", func(t *testing.T) {
		t.Parallel()
		server := s3.Shared(t)
		replaceByTwo(t, []string{"AWS_ACCESS_KEY_ID=" + s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3.SecretKey},
			"--artifacts-destination", server.Address(t), "--s3-endpoint", server.URL)
	})
}

func replaceByTwo(t *testing.T, env []string, store ...string) {
	t.Helper()
	const rounds = 40
	flags := append([]string{"--backend-store-uri", postgres.Database(t)}, store...)
	one := world.StartProcessWith(t, t.TempDir(), env, flags...)
	two := world.StartProcessWith(t, t.TempDir(), env, flags...)
	run := mlflow{one.World, t}.run("0")
	at := "0/" + run + "/artifacts/model/MLmodel"
	whole := map[string]string{}
	for _, letter := range []string{"a", "b"} {
		for i := range rounds {
			content := strings.Repeat(letter, 200_000+i)
			sum := sha256.Sum256([]byte(content))
			whole[content] = `"` + hex.EncodeToString(sum[:]) + `"`
		}
	}
	one.OK("POST", registered+"create", object{"name": "m"})
	var writers sync.WaitGroup
	for letter, server := range map[string]*world.Process{"a": one, "b": two} {
		writers.Go(func() {
			for i := range rounds {
				if r := server.Do("PUT", proxy+"/"+at, []byte(strings.Repeat(letter, 200_000+i))); r.Status != http.StatusOK {
					t.Errorf("%d: %s", r.Status, r.Body)
				}
				r := server.Do("POST", versioned+"create", object{"name": "m", "source": "mlflow-artifacts:/0/" + run + "/artifacts/model", "run_id": run})
				if r.Status != http.StatusOK {
					t.Errorf("%d: %s", r.Status, r.Body)
				}
			}
		})
	}
	writers.Wait()
	for _, server := range []*world.Process{one, two} {
		r := server.Do("GET", proxy+"/"+at, nil)
		digest, ok := whole[string(r.Body)]
		require.True(t, ok, "what stands there is none of what was sent: %d bytes", len(r.Body))
		if tag := r.Header.Get("ETag"); tag != "" {
			require.Equal(t, digest, tag)
		}
	}
	for version := 1; version <= 2*rounds; version++ {
		path := "/model-versions/get-artifact?name=m&path=MLmodel&version=" + strconv.Itoa(version)
		var r world.Response
		one.Eventually(time.Minute, path, func() bool {
			r = one.Do("GET", path, nil)
			return r.Status != http.StatusConflict || !strings.Contains(string(r.Body), "still being hashed")
		})
		require.Equal(t, http.StatusOK, r.Status, "version %d: %s", version, r.Body)
		require.Equal(t, whole[string(r.Body)], r.Header.Get("ETag"), "version %d", version)
	}
}

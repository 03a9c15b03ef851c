package api_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed/s3"
	"github.com/slipway-ml/slipway/tests/world"
)

// The log of a start says which store it is and what may be done there.
func TestTheStartSaysWhichStoreItIs(t *testing.T) {
	t.Parallel()
	server := s3.Shared(t)
	address := server.Address(t)
	at := func(destination, key, secret string) func(t *testing.T) *world.Process {
		return func(t *testing.T) *world.Process {
			return world.StartProcessWith(t, t.TempDir(), []string{"AWS_ACCESS_KEY_ID=" + key, "AWS_SECRET_ACCESS_KEY=" + secret},
				"--artifacts-destination", destination, "--s3-endpoint", server.URL)
		}
	}
	folder := t.TempDir()
	for name, c := range map[string]struct {
		start func(t *testing.T) *world.Process
		msg   string
		want  object
	}{
		"a folder": {
			func(t *testing.T) *world.Process {
				return world.StartProcess(t, t.TempDir(), "--artifacts-destination", folder)
			},
			"the artifact store is usable",
			object{"level": "INFO", "store": folder, "readable": true, "writable": true},
		},
		"S3": {
			at(address, s3.AccessKey, s3.SecretKey), "the artifact store is usable",
			object{
				"level": "INFO", "store": address, "endpoint": server.URL, "bucket": s3.Bucket, "region": "us-east-1", "path_style": "true", "checksums": "when_required",
				"readable": true, "writable": true,
			},
		},
		"no right to write": {
			at(address, "reader", "reader-secret"), "the artifact store is usable in part", object{"level": "ERROR", "store": address, "readable": true, "writable": false},
		},
		"no bucket": {
			at("s3://nothere/x", s3.AccessKey, s3.SecretKey), "the artifact store is not usable",
			object{"level": "ERROR", "store": "s3://nothere/x", "bucket": "nothere", "readable": false, "writable": false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := c.start(t)
			require.True(t, p.Logs("the artifact store is"))
			log := p.Logged()
			line := log[slices.IndexFunc(log, func(l string) bool { return strings.Contains(l, "the artifact store is") })]
			var said object
			require.NoError(t, json.Unmarshal([]byte(line), &said))
			require.Equal(t, c.msg, said["msg"], line)
			for name, value := range c.want {
				require.Equal(t, value, said[name], line)
			}
			require.NotContains(t, line, "secret")
		})
	}
}

package cli

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/tests/testbed/s3"
)

func TestDoctorLooksAtS3(t *testing.T) {
	server := s3.Shared(t)
	address := server.Address(t)
	for name, c := range map[string]struct{ address, key, secret, says string }{
		"it is usable":   {address, s3.AccessKey, s3.SecretKey, "ok       artifacts     " + address + ", endpoint " + server.URL + ", bucket slipway, region us-east-1, path_style true, checksums when_required: can be read and written"},
		"it is readable": {address, "reader", "reader-secret", "checksums when_required: can be read, not written: The artifact store s3://slipway refuses (AccessDenied): the credentials have no right to do this: allow s3:GetObject, PutObject"},
		"it is not there": {
			"s3://nothere", s3.AccessKey, s3.SecretKey, "missing  artifacts     s3://nothere, endpoint " + server.URL + ", bucket nothere, region us-east-1, path_style true, checksums when_required: The artifact store s3://nothere refuses (NoSuchBucket)",
		},
		"the secret is another": {address, s3.AccessKey, "another", "(SignatureDoesNotMatch)"},
		"the address is none":   {"s3:slipway", s3.AccessKey, s3.SecretKey, "write s3://bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", c.key)
			t.Setenv("AWS_SECRET_ACCESS_KEY", c.secret)
			var out bytes.Buffer
			code := Main(t.Context(), []string{"doctor", "--artifacts-destination", c.address, "--s3-endpoint", server.URL}, nil, &out, &out)
			require.Equal(t, exitFailed, code, "it looks for a server and a runtime, too")
			require.Contains(t, out.String(), c.says)
			if name != "it is usable" {
				require.Regexp(t, "this machine lacks artifacts", out.String())
			}
		})
	}
}

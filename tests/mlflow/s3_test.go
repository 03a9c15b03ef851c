package mlflow_test

import (
	"testing"

	"github.com/slipway-ml/slipway/tests/testbed/s3"
)

// The ways of the stock client to a store in S3.
func TestStockClientOnS3(t *testing.T) {
	t.Parallel()
	server := s3.Shared(t)
	parts := []string{"MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=1", "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=5242880", "MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE=5242880"}
	asked := append([]string{"MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true", "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD=true"}, parts...)
	for name, c := range map[string]struct {
		file  string
		env   []string
		flags []string
	}{
		"with keys of its own":               {"s3_direct.py", []string{"MLFLOW_S3_ENDPOINT_URL=" + server.URL}, []string{"--no-serve-artifacts"}},
		"in parts, since it was told to":     {"s3_parts.py", asked, nil},
		"in parts, since the server says so": {"s3_parts.py", parts, nil},
		"by redirect": {
			"s3_redirect.py", []string{"MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=false", "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD=false"}, []string{"--redirect-downloads"},
		},
		"through the server": {
			"s3_redirect.py", []string{"MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=true", "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD=false"}, []string{"--no-presigned"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := server.Address(t)
			pytest(t, c.file, append([]string{"STORE=" + address, "ENDPOINT=" + server.URL}, c.env...),
				append([]string{"--artifacts-destination", address, "--s3-endpoint", server.URL}, c.flags...)...)
		})
	}
}

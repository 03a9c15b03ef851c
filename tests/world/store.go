package world

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
	"github.com/slipway-ml/slipway/tests/testbed/s3"
)

// keepInS3 gives the server of a data folder a prefix of its own in the S3 of
// SLIPWAY_TEST_S3, where that is set; a later server on the same folder finds
// it again.
func keepInS3(t testing.TB, cfg *config.Config) {
	t.Helper()
	if os.Getenv(s3.Variable) == "" || cfg.ArtifactsDestination != "" {
		return
	}
	server := s3.Shared(t)
	server.Address(t) // makes the bucket
	sum := sha256.Sum256([]byte(cfg.DataDir))
	cfg.ArtifactsDestination, cfg.S3Endpoint = "s3://"+s3.Bucket+"/"+hex.EncodeToString(sum[:12]), server.URL
}

package config

import (
	"errors"
	"fmt"
	"time"
)

// Store says where the artifact store is and how it is spoken to.
type Store struct {
	ArtifactsDestination string        `env:"SLIPWAY_ARTIFACTS_DESTINATION,MLFLOW_ARTIFACTS_DESTINATION" help:"Artifact store: a folder or s3://bucket/prefix (default: artifacts in the data folder)."`
	S3Endpoint           string        `name:"s3-endpoint" env:"SLIPWAY_S3_ENDPOINT,MLFLOW_S3_ENDPOINT_URL" help:"URL of an S3 that is not Amazon's, such as MinIO."`
	S3Region             string        `name:"s3-region" env:"SLIPWAY_S3_REGION" help:"Region of the bucket (default: as the AWS SDK finds it, else us-east-1)."`
	S3PathStyle          bool          `name:"s3-path-style" env:"SLIPWAY_S3_PATH_STYLE" help:"Name the bucket in the path and not in the host; always so with --s3-endpoint."`
	S3Checksums          string        `name:"s3-checksums" enum:",when_supported,when_required" default:"" env:"SLIPWAY_S3_CHECKSUMS" help:"When the SDK's checksums are sent: when_supported (default for Amazon) or when_required (default with --s3-endpoint)."`
	S3SSE                string        `name:"s3-sse" enum:",AES256,aws:kms" default:"" env:"SLIPWAY_S3_SSE" help:"Server-side encryption of new objects: AES256 or aws:kms (default: the bucket's own)."`
	S3KMSKeyID           string        `name:"s3-kms-key-id" env:"SLIPWAY_S3_KMS_KEY_ID" help:"KMS key for --s3-sse aws:kms."`
	S3PartSize           int           `name:"s3-part-size" default:"5" env:"SLIPWAY_S3_PART_SIZE" help:"MiB of a part of an upload, 5 to 5120; one upload holds a few parts in memory."`
	S3Parallel           int           `name:"s3-parallel" default:"3" env:"SLIPWAY_S3_PARALLEL" help:"Parts of one upload that are under way at once."`
	S3Timeout            time.Duration `name:"s3-timeout" default:"30s" env:"SLIPWAY_S3_TIMEOUT" help:"How long the store may be silent; a transfer may last for ever."`
	S3Retries            *int          `name:"s3-retries" env:"SLIPWAY_S3_RETRIES" placeholder:"3" help:"How often a request that fails is sent again; after a silence once at most."`
}

func (s Store) storeProblems() (problems []error) {
	if s.S3KMSKeyID != "" && s.S3SSE != "aws:kms" {
		problems = append(problems, errors.New("--s3-kms-key-id: it needs --s3-sse aws:kms"))
	}
	if s.S3PartSize != 0 && (s.S3PartSize < 5 || s.S3PartSize > 5120) {
		problems = append(problems, fmt.Errorf("--s3-part-size %d: use 5 to 5120", s.S3PartSize))
	}
	if s.S3Parallel < 0 || s.S3Timeout < 0 || s.S3Retries != nil && (*s.S3Retries < 0 || *s.S3Retries > 20) {
		problems = append(problems, errors.New("--s3-parallel, --s3-timeout and --s3-retries: use 0 or more, and 20 retries at most"))
	}
	return problems
}

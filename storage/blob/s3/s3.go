// Package s3 keeps artifacts in a bucket of Amazon S3 or of a store that speaks
// its protocol (MinIO, Ceph, SeaweedFS, R2). Bytes stream both ways: a transfer
// holds a few parts in memory, whatever the object's size.
package s3

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Options say where a bucket is and how it is spoken to. What is empty follows
// the AWS SDK: its variables (AWS_REGION, AWS_ACCESS_KEY_ID …), its files, the
// machine's role.
type Options struct {
	Endpoint  string // URL of a store that is not Amazon's
	Region    string
	PathStyle bool   // the bucket in the path, not in the host; always so with an Endpoint
	Checksums string // "when_supported", "when_required"; "" is the first for Amazon, the second for an Endpoint
	SSE       string // "", "AES256" or "aws:kms"
	KMSKeyID  string

	// How a transfer is cut, and how patient it is; 0 is the default.
	PartSize int64         // bytes; S3 takes at most 10,000 parts, so bigger objects have bigger ones
	Parallel int           // parts of one upload that are under way
	Timeout  time.Duration // how long the store may be silent
	Retries  *int          // how often a request is sent again
	Retried  func(reason string)
}

// The defaults of a transfer.
const (
	partSize       = 5 << 20
	parallel       = 3
	defaultRetries = 3
)

func (o *Options) fill() {
	if o.PartSize == 0 {
		o.PartSize = partSize
	}
	if o.Parallel == 0 {
		o.Parallel = parallel
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Retries == nil {
		o.Retries = new(defaultRetries)
	}
	if o.Retried == nil {
		o.Retried = func(string) {}
	}
}

// Store implements blob.Store on a bucket, below a prefix.
type Store struct {
	client   *s3.Client
	copier   *s3.Client // waits longer for an answer
	o        Options
	facts    []blob.Fact
	presign  *s3.PresignClient
	up       *transfermanager.Client
	bucket   string
	prefix   string // "" or ends in a slash
	endpoint string

	// How new objects are encrypted; "" and nil leave it to the bucket.
	sse    types.ServerSideEncryption
	kmsKey *string
}

var (
	_ blob.Store     = (*Store)(nil)
	_ blob.Presigner = (*Store)(nil)
	_ blob.Sweeper   = (*Store)(nil)
	_ blob.Describer = (*Store)(nil)
)

// New makes a Store for s3://bucket/prefix. It sends nothing: the bucket may be
// away for now.
func New(ctx context.Context, address string, o Options) (*Store, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, models.Errorf(models.KindInvalid, "artifacts-destination %q: write s3://bucket or s3://bucket/prefix", address)
	}
	o.fill()
	cfg, err := awsconfig.LoadDefaultConfig(ctx, func(lo *awsconfig.LoadOptions) error {
		lo.Region = o.Region
		lo.HTTPClient = transport(o.Timeout)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the AWS settings: %w", err)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if o.Endpoint == "" {
		o.Endpoint = aws.ToString(cfg.BaseEndpoint)
	}
	cfg.Credentials = signer{cfg.Credentials}
	o.PathStyle = o.PathStyle || o.Endpoint != ""
	checksums, validation := aws.RequestChecksumCalculationWhenSupported, aws.ResponseChecksumValidationWhenSupported
	mode := "when_supported"
	if o.Checksums == "when_required" || o.Checksums == "" && o.Endpoint != "" {
		// Many stores that are not Amazon's refuse the trailing checksums.
		checksums, validation = aws.RequestChecksumCalculationWhenRequired, aws.ResponseChecksumValidationWhenRequired
		mode = "when_required"
	}
	client := s3.NewFromConfig(cfg, func(so *s3.Options) {
		if o.Endpoint != "" {
			so.BaseEndpoint = &o.Endpoint
		}
		so.UsePathStyle = o.PathStyle
		so.RequestChecksumCalculation, so.ResponseChecksumValidation = checksums, validation
		so.DisableLogOutputChecksumValidationSkipped = true
		so.Retryer = newRetryer(*o.Retries, o.Retried)
	})
	copier := s3.New(client.Options(), func(so *s3.Options) { so.HTTPClient = transport(max(o.Timeout, copyTimeout)) })
	s := &Store{
		client: client, copier: copier, o: o, presign: s3.NewPresignClient(client), bucket: u.Host, endpoint: o.Endpoint, sse: types.ServerSideEncryption(o.SSE),
	}
	s.facts = []blob.Fact{
		{Name: "store", Value: address},
		{Name: "endpoint", Value: s.where()},
		{Name: "bucket", Value: u.Host},
		{Name: "region", Value: cfg.Region},
		{Name: "path_style", Value: strconv.FormatBool(o.PathStyle)},
		{Name: "checksums", Value: mode},
	}
	if o.KMSKeyID != "" {
		s.kmsKey = &o.KMSKeyID
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		s.prefix = prefix + "/"
	}
	s.up = transfermanager.New(client, func(to *transfermanager.Options) {
		to.PartSizeBytes, to.MultipartUploadThreshold, to.Concurrency = o.PartSize, o.PartSize, o.Parallel
		to.RequestChecksumCalculation = checksums
		to.FailTimeout = 15 * time.Second // an abort goes out also when the caller has left
	})
	return s, nil
}

// Facts implements blob.Describer.
func (s *Store) Facts() []blob.Fact { return s.facts }

// where is who is spoken to.
func (s *Store) where() string {
	if s.endpoint == "" {
		return "Amazon S3"
	}
	return s.endpoint
}

// at is the key in the bucket.
func (s *Store) at(key string) *string {
	key = s.prefix + key
	return &key
}

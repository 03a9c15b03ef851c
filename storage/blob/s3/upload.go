package s3

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// PresignGet implements blob.Presigner.
func (s *Store) PresignGet(ctx context.Context, key string, shown blob.Shown, valid time.Duration) (blob.Presigned, error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Presigned{}, err
	}
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: s.at(key)}
	if shown.ContentType != "" {
		in.ResponseContentType = &shown.ContentType
	}
	if shown.Disposition != "" {
		in.ResponseContentDisposition = &shown.Disposition
	}
	out, err := s.presign.PresignGetObject(ctx, in, s3.WithPresignExpires(valid))
	if err != nil {
		return blob.Presigned{}, s.fault(key, err)
	}
	return blob.Presigned{URL: out.URL, Header: signed(out.SignedHeader)}, nil
}

// PresignPut implements blob.Presigner.
func (s *Store) PresignPut(ctx context.Context, key string, valid time.Duration) (blob.Presigned, error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Presigned{}, err
	}
	in := &s3.PutObjectInput{Bucket: &s.bucket, Key: s.at(key), ServerSideEncryption: s.sse, SSEKMSKeyId: s.kmsKey}
	out, err := s.presign.PresignPutObject(ctx, in, s3.WithPresignExpires(valid))
	if err != nil {
		return blob.Presigned{}, s.fault(key, err)
	}
	return blob.Presigned{URL: out.URL, Header: signed(out.SignedHeader)}, nil
}

// signed are the headers that a request has to carry beside its host's name.
func signed(h http.Header) map[string]string {
	all := map[string]string{}
	for name, values := range h {
		if name := http.CanonicalHeaderKey(name); name != "Host" && name != "Content-Length" {
			all[name] = strings.Join(values, ",")
		}
	}
	return all
}

// CreateUpload implements blob.Presigner.
func (s *Store) CreateUpload(ctx context.Context, key string) (string, error) {
	if err := blob.CheckKey(key); err != nil {
		return "", err
	}
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: s.at(key), ServerSideEncryption: s.sse, SSEKMSKeyId: s.kmsKey,
	})
	if err != nil {
		return "", s.fault(key, err)
	}
	return aws.ToString(out.UploadId), nil
}

// PresignPart implements blob.Presigner.
func (s *Store) PresignPart(ctx context.Context, key, upload string, number int, valid time.Duration) (blob.Presigned, error) {
	out, err := s.presign.PresignUploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.bucket, Key: s.at(key), UploadId: &upload, PartNumber: aws.Int32(int32(number)),
	}, s3.WithPresignExpires(valid))
	if err != nil {
		return blob.Presigned{}, s.fault(key, err)
	}
	return blob.Presigned{URL: out.URL, Header: signed(out.SignedHeader)}, nil
}

// CompleteUpload implements blob.Presigner.
func (s *Store) CompleteUpload(ctx context.Context, key, upload string, parts []blob.Part) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	completed := make([]types.CompletedPart, len(parts))
	for i, p := range parts {
		completed[i] = types.CompletedPart{PartNumber: aws.Int32(int32(p.Number)), ETag: &p.ETag}
	}
	_, err := s.copier.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: s.at(key), UploadId: &upload, MultipartUpload: &types.CompletedMultipartUpload{Parts: completed},
	})
	return s.fault(key, err)
}

// AbortUpload implements blob.Presigner.
func (s *Store) AbortUpload(ctx context.Context, key, upload string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: s.at(key), UploadId: &upload})
	return s.fault(key, err)
}

// Sweep implements blob.Sweeper: multipart uploads whose sender has gone are
// aborted, since their parts are paid for and seen nowhere.
func (s *Store) Sweep(ctx context.Context, before time.Time, onlyCount bool) (int, error) {
	n := 0
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &s.prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return n, s.fault("", err)
		}
		for _, u := range page.Uploads {
			if !aws.ToTime(u.Initiated).Before(before) {
				continue
			}
			if n++; onlyCount {
				continue
			}
			if _, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: u.Key, UploadId: u.UploadId}); err != nil {
				if err = s.fault(aws.ToString(u.Key), err); !models.IsKind(err, models.KindInvalid) { // completed or aborted meanwhile
					return n - 1, err
				}
			}
		}
	}
	return n, nil
}

package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tmtypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Put implements blob.Store: one request for what fits in a part, a multipart
// upload for more. Both show the object when it is whole, and an upload that
// fails is aborted.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64) (blob.Object, error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Object{}, err
	}
	body := &body{ctx: ctx, r: r, key: key, size: size, hash: sha256.New()}
	in := &transfermanager.UploadObjectInput{
		Bucket: &s.bucket, Key: s.at(key), Body: body,
		ServerSideEncryption: tmtypes.ServerSideEncryption(s.sse), SSEKMSKeyID: s.kmsKey,
	}
	out, err := s.up.UploadObject(ctx, in, func(o *transfermanager.Options) {
		o.PartSizeBytes = max(s.o.PartSize, size/o.MaxUploadParts+1)
	})
	switch {
	case body.err != nil:
		return blob.Object{}, body.err // the caller's fault, not the store's
	case err != nil:
		return blob.Object{}, s.fault(key, err)
	}
	// Only the store knows the time it wrote down. The mark is that of this
	// upload, also where another one has taken its place by now.
	o, err := s.Stat(ctx, key)
	o.Size, o.SHA256 = body.n, hex.EncodeToString(body.hash.Sum(nil))
	if tag := mark(out.ETag); tag != "" {
		o.ETag = tag
	}
	return o, err
}

// body is an upload's stream: it knows the digest of what passed, and fails
// instead of ending where the length is not the one that was announced.
type body struct {
	ctx  context.Context
	r    io.Reader
	key  string
	size int64
	n    int64
	hash hash.Hash
	err  error
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err == nil {
		b.err = b.ctx.Err()
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.r.Read(p)
	_, _ = b.hash.Write(p[:n])
	b.n += int64(n)
	ended := errors.Is(err, io.EOF)
	switch {
	case b.size >= 0 && (b.n > b.size || ended && b.n != b.size):
		b.err = models.Errorf(models.KindInvalid, "%s: %d bytes were announced and %d came: send it again", b.key, b.size, b.n)
	case err != nil && !ended:
		b.err = err
	default:
		return n, err
	}
	return n, b.err
}

// The biggest object that one request copies, and the parts of a bigger one.
const (
	maxCopy  = 5 << 30
	copyPart = 1 << 30
)

// Copy implements blob.Store; the bytes stay within the store.
func (s *Store) Copy(ctx context.Context, src, dst string) error {
	if err := errors.Join(blob.CheckKey(src), blob.CheckKey(dst)); err != nil {
		return err
	}
	o, tag, err := s.head(ctx, src)
	if err != nil {
		return err
	}
	source := s.bucket + "/" + strings.ReplaceAll(url.QueryEscape(*s.at(src)), "+", "%20")
	if o.Size >= maxCopy {
		return s.copyParts(ctx, source, tag, dst, o.Size)
	}
	_, err = s.copier.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: &s.bucket, Key: s.at(dst), CopySource: &source, ServerSideEncryption: s.sse, SSEKMSKeyId: s.kmsKey,
	})
	return s.fault(src, err)
}

// copyParts copies parts of one object only, also where it is replaced meanwhile.
func (s *Store) copyParts(ctx context.Context, source string, tag *string, dst string, size int64) error {
	id, err := s.CreateUpload(ctx, dst)
	if err != nil {
		return err
	}
	var parts []blob.Part
	for from := int64(0); from < size; from += copyPart {
		number := int32(len(parts) + 1)
		out, err := s.copier.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
			Bucket: &s.bucket, Key: s.at(dst), CopySource: &source, UploadId: &id, PartNumber: &number,
			CopySourceIfMatch: tag, CopySourceRange: aws.String(byteRange(from, min(copyPart, size-from))),
		})
		if err != nil {
			_ = s.AbortUpload(context.WithoutCancel(ctx), dst, id)
			return s.fault(dst, err)
		}
		parts = append(parts, blob.Part{Number: int(number), ETag: aws.ToString(out.CopyPartResult.ETag)})
	}
	return s.CompleteUpload(ctx, dst, id, parts)
}

// Delete implements blob.Store, a thousand objects a request.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	if err := s.deleteOne(ctx, s.at(key)); err != nil {
		return err
	}
	return s.pages(ctx, &s3.ListObjectsV2Input{Prefix: aws.String(*s.at(key) + "/")}, func(page *s3.ListObjectsV2Output) error {
		keys := make([]*string, len(page.Contents))
		for i, o := range page.Contents {
			keys[i] = o.Key
		}
		return s.deleteMany(ctx, keys)
	})
}

// DeleteFiles implements blob.Store, a thousand objects a request.
func (s *Store) DeleteFiles(ctx context.Context, keys []string) error {
	all := make([]*string, len(keys))
	for i, key := range keys {
		if err := blob.CheckKey(key); err != nil {
			return err
		}
		all[i] = s.at(key)
	}
	for part := range slices.Chunk(all, maxDelete) {
		if err := s.deleteMany(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// maxDelete is S3's limit for one request.
const maxDelete = 1000

// deleteMany sends one request; XML has no way to say some signs, so that keys
// which have them go one by one.
func (s *Store) deleteMany(ctx context.Context, keys []*string) error {
	ids := make([]types.ObjectIdentifier, 0, len(keys))
	for _, key := range keys {
		if !strings.ContainsFunc(*key, func(r rune) bool { return r < ' ' || r == 0xFFFE || r == 0xFFFF }) {
			ids = append(ids, types.ObjectIdentifier{Key: key})
		} else if err := s.deleteOne(ctx, key); err != nil {
			return err
		}
	}
	if len(ids) == 0 {
		return nil
	}
	out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &s.bucket, Delete: &types.Delete{Objects: ids, Quiet: aws.Bool(true)}})
	if err != nil {
		return s.fault("", err)
	}
	if len(out.Errors) > 0 {
		e := out.Errors[0]
		return models.Errorf(models.KindUnavailable, "the artifact store s3://%s did not delete %d of %d files, %s first: %s",
			s.bucket, len(out.Errors), len(ids), aws.ToString(e.Key), aws.ToString(e.Code))
	}
	return nil
}

func (s *Store) deleteOne(ctx context.Context, key *string) error {
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: key})
	if err = s.fault(*key, err); models.IsKind(err, models.KindNotFound) {
		return nil
	}
	return err
}

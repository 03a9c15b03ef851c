package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// Stat implements blob.Store.
func (s *Store) Stat(ctx context.Context, key string) (blob.Object, error) {
	o, _, err := s.head(ctx, key)
	return o, err
}

func (s *Store) head(ctx context.Context, key string) (o blob.Object, tag *string, err error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Object{}, nil, err
	}
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.at(key)})
	if err != nil {
		return blob.Object{}, nil, s.fault(key, err)
	}
	return blob.Object{Key: key, Size: aws.ToInt64(out.ContentLength), ETag: mark(out.ETag), Modified: out.LastModified.UTC()}, out.ETag, nil
}

// Get implements blob.Store. A connection that breaks is taken up where it
// broke, of the same object only.
func (s *Store) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, blob.Object, error) {
	if offset != 0 || length >= 0 {
		return s.part(ctx, key, offset, length)
	}
	if err := blob.CheckKey(key); err != nil {
		return nil, blob.Object{}, err
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.at(key)})
	if err != nil {
		return nil, blob.Object{}, s.fault(key, err)
	}
	o := blob.Object{Key: key, Size: aws.ToInt64(out.ContentLength), ETag: mark(out.ETag), Modified: out.LastModified.UTC()}
	return &reader{ctx: ctx, store: s, key: key, tag: out.ETag, end: o.Size, body: out.Body}, o, nil
}

// part asks for the size first: S3 refuses a range at or behind the end.
func (s *Store) part(ctx context.Context, key string, offset, length int64) (io.ReadCloser, blob.Object, error) {
	o, tag, err := s.head(ctx, key)
	if err != nil {
		return nil, o, err
	}
	if offset < 0 || offset > o.Size {
		return nil, o, models.Errorf(models.KindInvalid, "%s has %d bytes: it cannot be read from %d", key, o.Size, offset)
	}
	end := o.Size
	if length >= 0 {
		end = min(end, offset+length)
	}
	return &reader{ctx: ctx, store: s, key: key, tag: tag, at: offset, end: end}, o, nil
}

// reader reads an object from at to end.
type reader struct {
	ctx     context.Context
	store   *Store
	key     string
	tag     *string
	at, end int64
	body    io.ReadCloser // nil until it is asked for
	broken  int
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for {
		if r.at >= r.end {
			return 0, io.EOF
		}
		if r.body == nil {
			if err := r.open(); err != nil {
				return 0, err
			}
		}
		n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.at)])
		r.at += int64(n)
		if err == nil || n > 0 {
			return n, nil
		}
		_ = r.body.Close()
		r.body = nil
		if r.broken++; r.broken > *r.store.o.Retries || r.ctx.Err() != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return 0, r.store.fault(r.key, err)
		}
		r.store.o.Retried(reasonResumed)
	}
}

func (r *reader) open() error {
	out, err := r.store.client.GetObject(r.ctx, &s3.GetObjectInput{
		Bucket: &r.store.bucket, Key: r.store.at(r.key), IfMatch: r.tag, Range: aws.String(byteRange(r.at, r.end-r.at)),
	})
	if err != nil {
		return r.store.fault(r.key, err)
	}
	r.body = out.Body
	return nil
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.end = r.at
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}

// mark is an object's ETag without its quotes, which not every answer has.
func mark(tag *string) string { return strings.Trim(aws.ToString(tag), `"`) }

func byteRange(offset, length int64) string {
	return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
}

// List implements blob.Store.
func (s *Store) List(ctx context.Context, folder string) ([]blob.Entry, error) {
	var entries []blob.Entry
	if err := s.Each(ctx, folder, func(e blob.Entry) error {
		entries = append(entries, e)
		return nil
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b blob.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, nil
}

// Each implements blob.Store.
func (s *Store) Each(ctx context.Context, folder string, fn func(blob.Entry) error) error {
	prefix, err := s.folder(folder)
	if err != nil {
		return err
	}
	in := &s3.ListObjectsV2Input{Prefix: &prefix, Delimiter: aws.String("/")}
	return s.pages(ctx, in, func(page *s3.ListObjectsV2Output) error {
		for _, p := range page.CommonPrefixes {
			if err := fn(blob.Entry{Name: strings.TrimSuffix(strings.TrimPrefix(*p.Prefix, prefix), "/"), IsDir: true}); err != nil {
				return err
			}
		}
		for _, o := range page.Contents {
			name := strings.TrimPrefix(*o.Key, prefix)
			if name == "" { // a console's mark for a folder
				continue
			}
			if err := fn(blob.Entry{Name: name, Size: aws.ToInt64(o.Size)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Walk implements blob.Store.
func (s *Store) Walk(ctx context.Context, folder string, fn func(blob.Object) error) error {
	prefix, err := s.folder(folder)
	if err != nil {
		return err
	}
	return s.pages(ctx, &s3.ListObjectsV2Input{Prefix: &prefix}, func(page *s3.ListObjectsV2Output) error {
		for _, o := range page.Contents {
			key := strings.TrimPrefix(*o.Key, s.prefix)
			if strings.HasSuffix(key, "/") || key == "" {
				continue
			}
			if err := fn(blob.Object{Key: key, Size: aws.ToInt64(o.Size), ETag: mark(o.ETag), Modified: o.LastModified.UTC()}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) folder(folder string) (prefix string, err error) {
	if err := blob.CheckFolder(folder); err != nil {
		return "", err
	}
	if folder == "" {
		return s.prefix, nil
	}
	return *s.at(folder) + "/", nil
}

// pages calls fn with each page of a listing, of 1,000 keys at most.
func (s *Store) pages(ctx context.Context, in *s3.ListObjectsV2Input, fn func(*s3.ListObjectsV2Output) error) error {
	in.Bucket = &s.bucket
	for pages := s3.NewListObjectsV2Paginator(s.client, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return s.fault(strings.TrimPrefix(aws.ToString(in.Prefix), s.prefix), err)
		}
		if err := fn(page); err != nil {
			return err
		}
	}
	return nil
}

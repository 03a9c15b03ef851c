package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// s3Size is that of the object which passes through, and s3Goal the least part
// of the SDK's own speed that Slipway should reach.
const (
	s3Size = 256 << 20
	s3Goal = 0.8
)

// s3Store is a SeaweedFS of our own with a bucket.
type s3Store struct {
	url, dir string
	client   *s3.Client
}

const s3Bucket = "bench"

// startS3 runs the SeaweedFS that tests use, too.
func (b *bench) startS3(ctx context.Context) (*s3Store, error) {
	s := &s3Store{dir: filepath.Join(b.work, "s3")}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"SLIPWAY_CACHE": b.cache, "AWS_ACCESS_KEY_ID": "slipway", "AWS_SECRET_ACCESS_KEY": "slipway-secret", "AWS_REGION": "us-east-1",
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	start := exec.CommandContext(ctx, "tests/testbed/s3/start", s.dir)
	start.Stderr = os.Stderr
	out, err := start.Output()
	if s.url = strings.TrimSpace(string(out)); err != nil || s.url == "" {
		s.stop()
		return nil, fmt.Errorf("no S3 here (make testbed): %w", err)
	}
	s.client = s3.New(s3.Options{
		BaseEndpoint: &s.url, UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("slipway", "slipway-secret", ""),
		// As Slipway speaks to a store that is not Amazon's.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	_, err = s.client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(s3Bucket)})
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("make a bucket: %w", err)
	}
	return s, nil
}

func (s *s3Store) stop() { _ = exec.Command("tests/testbed/s3/stop", s.dir).Run() }

// sdk is a large object up and down by the SDK alone, from this process.
func (s *s3Store) sdk(ctx context.Context) (up, down func() error) {
	manager := transfermanager.New(s.client)
	key := aws.String("sdk/large")
	up = func() error {
		_, err := manager.UploadObject(ctx, &transfermanager.UploadObjectInput{
			Bucket: aws.String(s3Bucket), Key: key, Body: io.LimitReader(noise{}, s3Size),
		})
		return err
	}
	down = func() error {
		out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(s3Bucket), Key: key})
		if err != nil {
			return err
		}
		defer out.Body.Close()
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{out.Body}, make([]byte, 256<<10))
		if err == nil && n != s3Size {
			err = fmt.Errorf("the SDK read %d of %d bytes", n, s3Size)
		}
		return err
	}
	return up, down
}

// s3 measures a large object through Slipway beside the SDK alone, in turn.
func (b *bench) s3(ctx context.Context) (string, error) {
	b.tell("s3: starting SeaweedFS")
	store, err := b.startS3(ctx)
	if err != nil {
		return "", err
	}
	defer store.stop()
	folder := filepath.Join(b.work, "s3-slipway")
	server, err := b.start(ctx, folder, func(port string) []string {
		slipway, _ := filepath.Abs(filepath.Join(b.bin, "slipway"))
		return []string{
			slipway, "server", "--port", port, "--backend-store-uri", "sqlite:///" + filepath.Join(folder, "data.db"),
			"--artifacts-destination", "s3://" + s3Bucket + "/slipway", "--s3-endpoint", store.url,
		}
	})
	if err != nil {
		return "", err
	}
	defer server.stop()
	c := newConn(addressOf(server.url))
	defer c.close()
	up, down := store.sdk(ctx)
	path := proxy + "bench/large"
	before, most := tree(server.command.Process.Pid).mib(), 0.0
	var page strings.Builder
	fmt.Fprintf(&page, "\n### S3 (SeaweedFS)\n\n| an object of %d MiB | Slipway | the SDK alone | times | goal |\n|---|---|---|---|---|\n", s3Size>>20)
	for _, way := range []struct {
		name     string
		ours, of func() error
	}{
		{http.MethodPut, func() error { return c.upload(path, s3Size) }, up},
		{http.MethodGet, func() error { return c.download(path, s3Size) }, down},
	} {
		var took [2]time.Duration
		stopPeak := peak(server.command.Process.Pid)
		for range b.rounds + 1 {
			for i, run := range []func() error{way.ours, way.of} {
				began := time.Now()
				if err := run(); err != nil {
					return "", fmt.Errorf("%s: %w", way.name, err)
				}
				took[i] += time.Since(began)
			}
		}
		most = max(most, stopPeak())
		rate := func(d time.Duration) string {
			return number(float64(b.rounds+1)*(s3Size>>20)/d.Seconds()) + " MiB/s"
		}
		title := map[string]string{http.MethodPut: "up", http.MethodGet: "down"}[way.name]
		fmt.Fprintf(&page, "| %s | %s | %s | **%s** | %g |\n", title, rate(took[0]), rate(took[1]), number(took[1].Seconds()/took[0].Seconds()), s3Goal)
		b.tell("s3: %s: %s beside %s", title, rate(took[0]), rate(took[1]))
	}
	fmt.Fprintf(&page, "\n- It adds %.0f MiB to Slipway's memory (goal: at most 32).\n", most-before)
	return page.String(), nil
}

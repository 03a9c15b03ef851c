// Package s3 gives tests a real S3: a SeaweedFS for a test program, started
// when the first test asks for it, and a bucket for each test.
package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"

	"github.com/slipway-ml/slipway/tests/testbed"
)

// Variable names the server to use instead of one's own, by its URL.
const Variable = "SLIPWAY_TEST_S3"

// The one account that may do everything.
const (
	AccessKey = "slipway"
	SecretKey = "slipway-secret"
)

// Server is a running S3.
type Server struct {
	URL string
	dir string

	alive io.Closer // closes when this program ends
}

// Shared is the server of SLIPWAY_TEST_S3, else the one of this program.
func Shared(t testing.TB) *Server {
	t.Helper()
	signIn()
	one.Do(func() {
		if url := os.Getenv(Variable); url != "" {
			one.server = &Server{URL: url}
		} else if testbed.Program(t, "weed") != "" {
			one.server, one.err = start()
		}
	})
	if one.server == nil && one.err == nil {
		testbed.Missing(t, "S3", "make testbed, or set "+Variable+"=http://…")
	}
	if one.err != nil {
		t.Fatalf("start S3: %v", one.err)
	}
	return one.server
}

var one struct {
	sync.Once
	server *Server
	err    error
}

// signIn lets the SDK of this process find the keys.
var signIn = sync.OnceFunc(func() {
	_ = os.Setenv("AWS_ACCESS_KEY_ID", AccessKey)
	_ = os.Setenv("AWS_SECRET_ACCESS_KEY", SecretKey)
})

// Start runs a server of the test's own until the test ends or Stop is called.
func Start(t testing.TB) *Server {
	t.Helper()
	testbed.Program(t, "weed")
	signIn()
	s, err := start()
	if err != nil {
		t.Fatalf("start S3: %v", err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Stop ends the server.
func (s *Server) Stop() {
	_ = exec.Command(script("stop"), s.dir).Run()
	_ = os.RemoveAll(s.dir)
	_ = s.alive.Close()
}

// Bucket is the one bucket that the tests share: SeaweedFS gives each a few
// volumes of its own.
const Bucket = "slipway"

// Address is an empty prefix of the bucket, as --artifacts-destination takes it.
func (s *Server) Address(t testing.TB) string {
	t.Helper()
	bucket := Bucket
	_, err := s.Client().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	var there *types.BucketAlreadyOwnedByYou
	var taken *types.BucketAlreadyExists
	if err != nil && !errors.As(err, &there) && !errors.As(err, &taken) {
		t.Fatalf("make a bucket: %v", err)
	}
	return "s3://" + bucket + "/" + uuid.NewString()
}

// Client is the SDK itself, signed in.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &s.URL, Region: "us-east-1", UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
}

func script(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), name)
}

func start() (*Server, error) {
	dir, err := testbed.Folder("slipway-s3-")
	if err != nil {
		return nil, err
	}
	alive, err := testbed.StopWithProgram(script("stop"), dir)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(script("start"), dir)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	url, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, &problem)
	}
	return &Server{URL: strings.TrimSpace(string(url)), dir: dir, alive: alive}, nil
}

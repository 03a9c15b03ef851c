package s3_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
	"github.com/slipway-ml/slipway/storage/blob/s3"
	testbed "github.com/slipway-ml/slipway/tests/testbed/s3"
)

// told is what an operator reads of an error.
func told(t *testing.T, err error, kind models.Kind) string {
	t.Helper()
	require.Equal(t, kind, models.KindOf(err), "%v", err)
	var known *models.Error
	require.ErrorAs(t, err, &known)
	return known.Message
}

// What the real server refuses by itself.
func TestAMistakeOfTheOperatorIsTold(t *testing.T) {
	server := testbed.Shared(t)
	address := server.Address(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + free.Addr().String()
	require.NoError(t, free.Close())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
	for name, c := range map[string]struct {
		address, endpoint, key, secret string
		kind                           models.Kind
		says                           string
		reads                          bool
	}{
		"a bucket that is not there": {"s3://nothere/x", server.URL, testbed.AccessKey, testbed.SecretKey, models.KindForbidden, "(NoSuchBucket): the bucket does not exist", false},
		"an unknown key":             {address, server.URL, "nobody", "wrong", models.KindForbidden, "(InvalidAccessKeyId): the access key is not known there: correct AWS_ACCESS_KEY_ID", false},
		"a wrong secret":             {address, server.URL, testbed.AccessKey, "wrong", models.KindForbidden, "(SignatureDoesNotMatch): the secret key does not fit the access key: correct AWS_SECRET_ACCESS_KEY", false},
		"no credentials":             {address, server.URL, "", "", models.KindForbidden, "There are no credentials for the artifact store: set AWS_ACCESS_KEY_ID", false},
		"no right to write":          {address, server.URL, "reader", "reader-secret", models.KindForbidden, "(AccessDenied): the credentials have no right to do this: allow s3:GetObject, PutObject", true},
		"nobody there":               {address, nobody, testbed.AccessKey, testbed.SecretKey, models.KindUnavailable, "does not answer", false},
		"all is well":                {address, server.URL, testbed.AccessKey, testbed.SecretKey, "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", c.key)
			t.Setenv("AWS_SECRET_ACCESS_KEY", c.secret)
			s := open(t, c.address, s3.Options{Endpoint: c.endpoint})
			reading, writing := blob.Probe(t.Context(), s)
			require.Equal(t, c.reads, reading == nil, "%v", reading)
			if c.says == "" {
				require.NoError(t, writing)
				return
			}
			says := told(t, writing, c.kind)
			require.Contains(t, says, c.says)
			require.NotContains(t, says, "wrong")
			if !c.reads && c.endpoint == server.URL && c.key == testbed.AccessKey && c.secret == testbed.SecretKey {
				return // SeaweedFS would make the bucket
			}
			_, err := s.Put(t.Context(), "x", strings.NewReader("x"), 1)
			require.Contains(t, told(t, err, c.kind), c.says, "an upload says the same")
		})
	}
	entries, err := open(t, address, s3.Options{Endpoint: server.URL}).List(t.Context(), blob.Reserved)
	require.NoError(t, err)
	require.Empty(t, entries, "a probe leaves nothing")
}

// What only Amazon's answers, in the words of its documentation.
func TestARefusalOfAmazonsIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status        int
		region        string // X-Amz-Bucket-Region
		code, message string
		refuses       string // a method; "" is all
		kind          models.Kind
		says          string
	}{
		"another region, by a redirect": {
			http.StatusMovedPermanently, "eu-west-1", "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.", "",
			models.KindForbidden, "(PermanentRedirect): the bucket lies in region eu-west-1: set --s3-region eu-west-1",
		},
		"another region, by a refusal": {
			http.StatusBadRequest, "", "AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'", "",
			models.KindForbidden, "(AuthorizationHeaderMalformed): the bucket lies in region eu-west-1: set --s3-region eu-west-1",
		},
		"another region, nobody says which": {
			http.StatusMovedPermanently, "", "PermanentRedirect", "Elsewhere.", "", models.KindForbidden, "the bucket lies in another region: correct --s3-region",
		},
		"a key of no form": {
			http.StatusBadRequest, "", "AuthorizationHeaderMalformed", "The authorization header is malformed; a non-empty Access Key (AKID) must be provided in the credential.", "",
			models.KindForbidden, "correct AWS_ACCESS_KEY_ID",
		},
		"a wrong clock": {
			http.StatusForbidden, "", "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", "",
			models.KindForbidden, "(RequestTimeTooSkewed): this machine's clock is wrong by more than 15 minutes: set it",
		},
		"no right to write": {
			http.StatusForbidden, "", "AccessDenied", "Access Denied", http.MethodPut, models.KindForbidden, "(AccessDenied): the credentials have no right to do this",
		},
		"expired credentials": {
			http.StatusBadRequest, "", "ExpiredToken", "The provided token has expired.", "", models.KindForbidden, "(ExpiredToken): the credentials have expired: renew them",
		},
		"checksums that it does not take": {
			http.StatusBadRequest, "", "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.", http.MethodPut,
			models.KindForbidden, "set --s3-checksums when_required",
		},
		"too many requests": {
			http.StatusServiceUnavailable, "", "SlowDown", "Please reduce your request rate.", "", models.KindUnavailable, "answers SlowDown",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testbed.Shared(t) // signs in
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/xml")
				if c.refuses != "" && r.Method != c.refuses {
					_, _ = fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>b</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>`)
					return
				}
				if c.region != "" {
					w.Header().Set("X-Amz-Bucket-Region", c.region)
				}
				w.WriteHeader(c.status)
				if r.Method != http.MethodHead { // which has no body to say more
					_, _ = fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message><RequestId>1</RequestId></Error>`, c.code, c.message)
				}
			}))
			t.Cleanup(server.Close)
			s := open(t, "s3://b/x", s3.Options{Endpoint: server.URL, Region: "us-east-1", Retries: new(1)})
			reading, writing := blob.Probe(t.Context(), s)
			require.Equal(t, c.refuses != "", reading == nil, "%v", reading)
			require.Contains(t, told(t, writing, c.kind), c.says)
			if c.refuses == "" && c.region != "" {
				_, err := s.Stat(t.Context(), "y")
				_, mend, _ := strings.Cut(c.says, ": ")
				require.Contains(t, told(t, err, c.kind), mend, "a HEAD says the same")
			}
		})
	}
}

func TestAStoreSaysWhatItIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    s3.Options
		want string
	}{
		"Amazon's": {s3.Options{Region: "eu-west-1"}, "store=s3://b/x endpoint=Amazon S3 bucket=b region=eu-west-1 path_style=false checksums=when_supported"},
		"another":  {s3.Options{Endpoint: "http://minio:9000"}, "store=s3://b/x endpoint=http://minio:9000 bucket=b region=us-east-1 path_style=true checksums=when_required"},
		"as told":  {s3.Options{Endpoint: "http://x", Region: "auto", Checksums: "when_supported"}, "store=s3://b/x endpoint=http://x bucket=b region=auto path_style=true checksums=when_supported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var facts []string
			for _, f := range open(t, "s3://b/x", c.o).Facts() {
				facts = append(facts, f.Name+"="+f.Value)
			}
			require.Equal(t, c.want, strings.Join(facts, " "))
		})
	}
}

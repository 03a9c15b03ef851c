package s3

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/slipway-ml/slipway/models"
)

// remedies tell an operator what to do about an answer that will not change by
// itself. A client that repeats the request would learn nothing, so these are
// refusals (403) and not failures.
var remedies = map[string]string{
	"NoSuchBucket":              "the bucket does not exist: create it, or correct --artifacts-destination",
	"InvalidBucketName":         "the bucket's name is not allowed: correct --artifacts-destination",
	"AccessDenied":              "the credentials have no right to do this: allow s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload on its objects and s3:ListBucket on the bucket",
	"Forbidden":                 "the credentials have no right to do this: allow s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload on its objects and s3:ListBucket on the bucket",
	"InvalidAccessKeyId":        "the access key is not known there: correct AWS_ACCESS_KEY_ID",
	"SignatureDoesNotMatch":     "the secret key does not fit the access key: correct AWS_SECRET_ACCESS_KEY",
	"ExpiredToken":              "the credentials have expired: renew them",
	"InvalidToken":              "the session token is not valid: renew the credentials",
	"RequestTimeTooSkewed":      "this machine's clock is wrong by more than 15 minutes: set it",
	"KMS.DisabledException":     "the KMS key is disabled: enable it, or correct --s3-kms-key-id",
	"KMS.NotFoundException":     "the KMS key does not exist: correct --s3-kms-key-id",
	"XAmzContentSHA256Mismatch": "it does not take the SDK's checksums: set --s3-checksums when_required",
	"InvalidChecksumAlgorithm":  "it does not take the SDK's checksums: set --s3-checksums when_required",
	"MissingContentMD5":         "it asks for other checksums: set --s3-checksums when_supported",
	"ServerSideEncryptionConfigurationNotFoundError": "it has no server-side encryption: leave out --s3-sse",
}

// elsewhere are the answers to a request that names another region than the
// bucket's.
var elsewhere = map[string]bool{
	"PermanentRedirect": true, "MovedPermanently": true, "AuthorizationHeaderMalformed": true, "IllegalLocationConstraintException": true,
}

// fault tells a missing object, a refusal that somebody has to mend, and a
// store that is away apart.
func (s *Store) fault(key string, err error) error {
	var known *models.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	code, says := "", ""
	if api := smithy.APIError(nil); errors.As(err, &api) {
		code, says = api.ErrorCode(), api.ErrorMessage()
	}
	status, header := 0, http.Header(nil)
	if answer := (*smithyhttp.ResponseError)(nil); errors.As(err, &answer) && answer.Response != nil {
		status, header = answer.HTTPStatusCode(), answer.Response.Header
	}
	if code == "" || code == "UnknownError" { // a HEAD has no body to say more
		code = map[int]string{301: "PermanentRedirect", 400: "AuthorizationHeaderMalformed", 403: "AccessDenied", 404: "NotFound"}[status]
	}
	switch mend := remedy(code, says, header); {
	case mend != "":
		return models.Errorf(models.KindForbidden, "The artifact store s3://%s refuses (%s): %s.", s.bucket, code, mend).Because(err)
	case code == "NoSuchKey", code == "NotFound" && key != "":
		return models.Errorf(models.KindNotFound, "No such artifact: '%s'", key).Because(err)
	case code == "NotFound":
		return models.Errorf(models.KindForbidden, "The artifact store s3://%s refuses (NoSuchBucket): %s.", s.bucket, remedies["NoSuchBucket"]).Because(err)
	case code == "NoSuchUpload", code == "InvalidPart", code == "InvalidPartOrder", code == "EntityTooSmall":
		return models.Errorf(models.KindInvalid, "%s: the multipart upload is not complete or not known (%s): begin it anew", key, code).Because(err)
	case code == "PreconditionFailed":
		return models.Errorf(models.KindUnavailable, "%s was replaced while it was read: read it again", key).Because(err)
	case code != "":
		return models.Errorf(models.KindUnavailable, "The artifact store s3://%s answers %s.", s.bucket, code).Because(err)
	}
	return models.Errorf(models.KindUnavailable, "The artifact store s3://%s at %s does not answer.", s.bucket, s.where()).Because(err)
}

// expected is the region in S3's own sentence about it.
var expected = regexp.MustCompile(`expecting '([a-z0-9-]+)'`)

// remedy tells what to do about a refusal; "" where nothing is known.
func remedy(code, says string, header http.Header) string {
	if !elsewhere[code] {
		return remedies[code]
	}
	if code == "AuthorizationHeaderMalformed" && says != "" && !strings.Contains(says, "region") {
		return "it cannot read who signs: correct AWS_ACCESS_KEY_ID"
	}
	region := header.Get("X-Amz-Bucket-Region")
	if found := expected.FindStringSubmatch(says); region == "" && found != nil {
		region = found[1]
	}
	if region == "" {
		return "the bucket lies in another region: correct --s3-region"
	}
	return "the bucket lies in region " + region + ": set --s3-region " + region
}

// signer finds the credentials; that there are none is the operator's to mend.
type signer struct{ aws.CredentialsProvider }

// Retrieve implements aws.CredentialsProvider.
func (c signer) Retrieve(ctx context.Context) (aws.Credentials, error) {
	found, err := c.CredentialsProvider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		return found, models.Errorf(models.KindForbidden,
			"There are no credentials for the artifact store: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role.").Because(err)
	}
	return found, err
}

package s3

import (
	"context"
	"errors"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/slipway-ml/slipway/models"
)

// remedies tell an operator what to do about an answer that will not change by
// itself. A client that repeats the request would learn nothing, so these are
// refusals (403) and not failures.
var remedies = map[string]string{
	"NoSuchBucket":                                   "the bucket does not exist: create it, or correct --artifacts-destination",
	"InvalidBucketName":                              "the bucket's name is not allowed: correct --artifacts-destination",
	"AccessDenied":                                   "the credentials have no right to do this: allow s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload on its objects and s3:ListBucket on the bucket",
	"Forbidden":                                      "the credentials have no right to do this: allow s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload on its objects and s3:ListBucket on the bucket",
	"InvalidAccessKeyId":                             "the access key is not known there: correct AWS_ACCESS_KEY_ID",
	"SignatureDoesNotMatch":                          "the secret key does not fit the access key: correct AWS_SECRET_ACCESS_KEY",
	"ExpiredToken":                                   "the credentials have expired: renew them",
	"InvalidToken":                                   "the session token is not valid: renew the credentials",
	"RequestTimeTooSkewed":                           "this machine's clock is wrong by more than 15 minutes: set it",
	"PermanentRedirect":                              "the bucket lies in another region: correct --s3-region",
	"MovedPermanently":                               "the bucket lies in another region: correct --s3-region",
	"AuthorizationHeaderMalformed":                   "the bucket lies in another region: correct --s3-region",
	"IllegalLocationConstraintException":             "the bucket lies in another region: correct --s3-region",
	"KMS.DisabledException":                          "the KMS key is disabled: enable it, or correct --s3-kms-key-id",
	"KMS.NotFoundException":                          "the KMS key does not exist: correct --s3-kms-key-id",
	"XAmzContentSHA256Mismatch":                      "it does not take the SDK's checksums: set --s3-checksums when_required",
	"InvalidChecksumAlgorithm":                       "it does not take the SDK's checksums: set --s3-checksums when_required",
	"MissingContentMD5":                              "it asks for other checksums: set --s3-checksums when_supported",
	"ServerSideEncryptionConfigurationNotFoundError": "it has no server-side encryption: leave out --s3-sse",
}

// fault tells a missing object, a refusal that somebody has to mend, and a
// store that is away apart.
func (s *Store) fault(key string, err error) error {
	var known *models.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	code := ""
	if api := smithy.APIError(nil); errors.As(err, &api) {
		code = api.ErrorCode()
	}
	status := 0
	if answer := (*smithyhttp.ResponseError)(nil); errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	if code == "" || code == "UnknownError" { // a HEAD has no body to say more
		code = map[int]string{301: "PermanentRedirect", 400: "AuthorizationHeaderMalformed", 403: "AccessDenied", 404: "NotFound"}[status]
	}
	switch remedy := remedies[code]; {
	case remedy != "":
		return models.Errorf(models.KindForbidden, "The artifact store s3://%s refuses (%s): %s.", s.bucket, code, remedy).Because(err)
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
	where := s.endpoint
	if where == "" {
		where = "Amazon S3"
	}
	return models.Errorf(models.KindUnavailable, "The artifact store s3://%s at %s does not answer.", s.bucket, where).Because(err)
}

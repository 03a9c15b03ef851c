package serving

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/slipway-ml/slipway/models"
)

// fault is an error with the status and the code that a caller sees.
type fault struct {
	status  int
	code    string
	message string
	cause   error
}

func (f *fault) Error() string {
	if f.cause != nil {
		return f.message + ": " + f.cause.Error()
	}
	return f.message
}

func (f *fault) Unwrap() error { return f.cause }

// The codes that are not also the server's.
const (
	codeInvalid     = "INVALID_PARAMETER_VALUE"
	codeModelFailed = "MODEL_FAILED"
	codeTimeout     = "MODEL_TIMEOUT"
)

// statusGone is the answer nobody reads: the caller has hung up.
const statusGone = 499

func invalid(format string, args ...any) error {
	return &fault{status: http.StatusBadRequest, code: codeInvalid, message: fmt.Sprintf(format, args...)}
}

// faultOf makes any error a fault; what nobody foresaw is ours.
func faultOf(err error) *fault {
	var f *fault
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &tooLarge):
		return &fault{status: http.StatusRequestEntityTooLarge, code: "REQUEST_TOO_LARGE", message: fmt.Sprintf(
			"the body is larger than %d bytes", tooLarge.Limit)}
	case models.IsKind(err, models.KindInvalid):
		var e *models.Error
		errors.As(err, &e)
		return &fault{status: http.StatusBadRequest, code: codeInvalid, message: e.Message, cause: e.Err}
	case errors.Is(err, context.Canceled):
		return &fault{status: statusGone, code: "CANCELLED", message: "the caller has gone", cause: err}
	}
	return &fault{status: http.StatusInternalServerError, code: "INTERNAL_ERROR", message: "slipway-serve failed", cause: err}
}

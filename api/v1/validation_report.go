package v1

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
	"github.com/slipway-ml/slipway/services/validation"
)

// reported is a report as the answer. It is made before it is sent: a fault on
// the way is an error, and no half of a report.
type reported struct {
	mediaType string
	body      bytes.Buffer
}

// pagePolicy lets a report's page load nothing and run nothing.
const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (r *reported) answer(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", r.mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(r.body.Len()))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", pagePolicy)
	w.Header().Set("Cache-Control", "no-cache") // a waiver may come
	_, err := w.Write(r.body.Bytes())
	return err
}

// VisitGetValidationPageResponse implements server.GetValidationPageResponseObject.
func (r *reported) VisitGetValidationPageResponse(w http.ResponseWriter) error { return r.answer(w) }

// VisitGetValidationJUnitResponse implements server.GetValidationJUnitResponseObject.
func (r *reported) VisitGetValidationJUnitResponse(w http.ResponseWriter) error { return r.answer(w) }

// VisitGetValidationSARIFResponse implements server.GetValidationSARIFResponseObject.
func (r *reported) VisitGetValidationSARIFResponse(w http.ResponseWriter) error { return r.answer(w) }

// GetValidationPage gives a validation's report as a page.
func (v Validations) GetValidationPage(ctx context.Context, r server.GetValidationPageRequestObject) (server.GetValidationPageResponseObject, error) {
	out := &reported{mediaType: "text/html; charset=utf-8"}
	return out, v.Reports.HTML(ctx, &out.body, r.Id)
}

// GetValidationJUnit gives it as JUnit XML.
func (v Validations) GetValidationJUnit(ctx context.Context, r server.GetValidationJUnitRequestObject) (server.GetValidationJUnitResponseObject, error) {
	out := &reported{mediaType: "application/xml; charset=utf-8"}
	return out, v.Reports.JUnit(ctx, &out.body, r.Id)
}

// GetValidationSARIF gives its findings as SARIF.
func (v Validations) GetValidationSARIF(ctx context.Context, r server.GetValidationSARIFRequestObject) (server.GetValidationSARIFResponseObject, error) {
	out := &reported{mediaType: "application/sarif+json"}
	return out, v.Reports.SARIF(ctx, &out.body, r.Id)
}

// GetValidationAttachment gives a file that a step kept.
func (v Validations) GetValidationAttachment(ctx context.Context, r server.GetValidationAttachmentRequestObject) (server.GetValidationAttachmentResponseObject, error) {
	found, err := v.Service.Get(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	step, err := validation.StepOf(found, r.Step)
	if err != nil {
		return nil, err
	}
	a, body, err := v.Service.Attachment(ctx, step, r.Name)
	return attached{a, body}, err
}

// attached is an attachment as the answer: what a check, a model or a command
// wrote, which a browser saves and does not run as a page of this server.
type attached struct {
	models.Attachment
	body io.ReadCloser
}

// VisitGetValidationAttachmentResponse implements server.GetValidationAttachmentResponseObject.
func (a attached) VisitGetValidationAttachmentResponse(w http.ResponseWriter) error {
	defer func() { _ = a.body.Close() }()
	w.Header().Set("Content-Type", harmless(a.MediaType))
	w.Header().Set("Content-Length", strconv.FormatInt(a.Size, 10))
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("ETag", `"`+a.SHA256+`"`)
	_, err := io.Copy(w, a.body)
	return err
}

// harmless gives the media type under which a file is sent: none that a browser
// takes for a page or a program.
func harmless(mediaType string) string {
	kind, _, err := mime.ParseMediaType(mediaType)
	if err == nil && (kind == "text/plain" || kind == "text/csv" || kind == "application/json" ||
		strings.HasPrefix(kind, "image/") && kind != "image/svg+xml") {
		return mediaType
	}
	return "application/octet-stream"
}

// WaiveValidationStep lets a failed step count as passed for a while.
func (v Validations) WaiveValidationStep(ctx context.Context, r server.WaiveValidationStepRequestObject) (server.WaiveValidationStepResponseObject, error) {
	if r.Body.ExpiresAt.IsZero() == (r.Body.ExpiresIn == "") {
		return nil, invalid(models.Detail{Field: "expires_at", Message: "give expires_at, such as 2027-01-31T12:00:00Z, or expires_in, such as 168h, one of them"})
	}
	var after time.Duration
	if r.Body.ExpiresIn != "" {
		var err error
		if after, err = time.ParseDuration(r.Body.ExpiresIn); err != nil {
			return nil, invalid(models.Detail{Field: "expires_in", Message: "is not a time such as 168h or 90m"})
		}
	}
	waived, err := v.Service.Waive(ctx, r.Id, r.Step, r.Body.Reason, r.Body.ExpiresAt, after)
	if err != nil {
		return nil, err
	}
	wire, err := v.wire(ctx, waived)
	return server.WaiveValidationStep200JSONResponse(wire), err
}

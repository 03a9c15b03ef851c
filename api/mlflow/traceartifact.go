package mlflow

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/trace"
)

// spansFile is what the file of a trace's spans is called.
const spansFile = "traces.json"

// GetTraceArtifact handles GET get-trace-artifact: a trace's spans in one file,
// or a file that is attached to it.
func (t Traces) GetTraceArtifact(c *gin.Context) error {
	id := c.Query("request_id")
	if id == "" {
		return models.Errorf(models.KindInvalid, `Request must include the "request_id" query parameter.`)
	}
	info, err := t.Service.Info(c.Request.Context(), id)
	if err != nil {
		return err
	}
	name := spansFile
	if attached := c.Query("path"); attached != "" {
		name = "attachments/" + attached
	} else if trace.SpansHere(info) {
		whole, err := t.Service.Get(c.Request.Context(), id, true)
		if err != nil {
			return err
		}
		text, err := json.Marshal(struct {
			Spans []models.Span `json:"spans"`
		}{whole.Spans})
		if err != nil {
			return err
		}
		c.Header("Content-Disposition", "attachment; filename="+spansFile)
		c.Header("X-Content-Type-Options", "nosniff")
		c.Data(http.StatusOK, "application/octet-stream", text)
		return nil
	}
	uri := models.ValueOf(info.Tags, models.TagTraceLocation)
	if uri == "" {
		return models.Errorf(models.KindNotFound, "Trace %s has no files.", id)
	}
	root, err := t.Files.Service.RootAt(uri)
	if err != nil {
		return err
	}
	return t.Files.sendIn(c, root, name)
}

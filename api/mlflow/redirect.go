package mlflow

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/artifact"
)

// follows tells whether a client can be sent on to the store for a download:
//   - Its path is one that programs use. A browser's script may not read what
//     another origin answers.
//   - It knows no tag of ours: the store has tags of its own.
//   - It takes nothing along that is for this server alone. The stock client
//     leaves its token behind where the host or port changes; of others nobody
//     knows, and S3 refuses a request that signs in twice.
func follows(r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	if r.Header.Get("Cookie") != "" {
		return false
	}
	return r.Header.Get("Authorization") == "" || strings.HasPrefix(r.UserAgent(), "mlflow-python-client/")
}

// redirect answers by a URL of the store itself, where it has one for the file.
// The URL is a key to it for a while: it is neither kept nor told to others.
func redirect(c *gin.Context, f artifact.File) (sent bool, err error) {
	url, err := f.Redirect(artifact.Shown{ContentType: contentType(f.Name), Disposition: disposition(f.Name)})
	if models.IsKind(err, models.KindUnsupported) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	h := c.Writer.Header()
	h.Set("Location", url)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	c.Status(http.StatusTemporaryRedirect)
	return true, nil
}

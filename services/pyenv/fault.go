package pyenv

import (
	"errors"
	"strings"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dial"
)

// errNeedsBuild is the error of packages that have no wheel.
var errNeedsBuild = errors.New("a package has no wheel")

// fault says in our words why uv failed, and by its kind whether trying again
// can help.
func fault(result deploy.RunResult, text string, way *dial.Way) error {
	if result.Ending != deploy.EndedExit {
		return models.Errorf(models.KindInvalid, "the Python environment could not be made: uv or a package's build %s", result.Detail)
	}
	has := func(signs ...string) bool {
		for _, sign := range signs {
			if strings.Contains(text, sign) {
				return true
			}
		}
		return false
	}
	switch {
	case has("No space left on device", "Disk quota exceeded", "os error 28", "os error 122"):
		return models.Errorf(models.KindFull, "there is no room for the Python environment on the server's disk: make room, or set --environment-cache")
	case has("building from source is disabled", "has no usable wheels", "Building source distributions is disabled"):
		return errNeedsBuild
	}
	if way != nil {
		if err := way.Problem(); errors.Is(err, dial.ErrPrivate) {
			return models.Errorf(models.KindForbidden, "the package index has an address that is not public (%s): --sources-allow-private-ips allows such, or name the index by UV_DEFAULT_INDEX", err)
		}
	}
	switch {
	case has("401 Unauthorized", "403 Forbidden"):
		return models.Errorf(models.KindForbidden, "the package index refuses: %s", explanation(text))
	case has("Request failed after", "Failed to fetch", "Failed to download", "error sending request", "timed out", "HTTP status server error", "connection closed", "network timeout"):
		return models.Errorf(models.KindUnavailable, "the package index is away: %s", explanation(text))
	}
	return models.Errorf(models.KindInvalid, "the Python environment could not be made: %s", explanation(text))
}

// mostExplained bounds uv's words in a reason; the log has all of them.
const mostExplained = 2000

// explanation is what uv says of an error, from where it begins.
func explanation(text string) string {
	if at := strings.Index(text, "error: "); at >= 0 {
		text = text[at+len("error: "):]
	}
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	text = strings.Join(lines, "; ")
	if len(text) > mostExplained {
		text = strings.ToValidUTF8(text[:mostExplained], "") + " …"
	}
	return text
}

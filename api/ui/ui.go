// Package ui serves the built files of a web interface, MLflow's own, from a
// folder that the operator names, and a short page where there is none. It only
// reads, and never outside that folder.
package ui

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
)

//go:embed welcome.html
var welcome []byte

// Pages answers / and /static-files/.
type Pages struct {
	files *os.Root // nil without a folder
}

// Open takes the folder of a build: index.html and what it loads from static.
// With "" there is the short page only.
func Open(dir string) (Pages, error) {
	if dir == "" {
		return Pages{}, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Pages{}, fmt.Errorf("--mlflow-ui %s: %w: name a folder that can be read", dir, errors.Unwrap(err))
	}
	for _, name := range []string{"index.html", "static"} {
		if _, err := root.Stat(name); err != nil {
			_ = root.Close()
			return Pages{}, fmt.Errorf("--mlflow-ui %s: there is no %s: name the folder mlflow/server/js/build of an installed mlflow", dir, name)
		}
	}
	return Pages{root}, nil
}

// Close lets go of the folder.
func (p Pages) Close() error {
	if p.files == nil {
		return nil
	}
	return p.files.Close()
}

// policy keeps a page to what this server sends: its scripts, and nobody else's.
// MLflow's charts and tables write styles and compile expressions as they run.
const policy = "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; media-src 'self' data: blob:; frame-src 'self' data: blob:; " +
	"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"

// Index answers /. A browser asks again each time whether it has changed: its
// files' names change with every build.
func (p Pages) Index(c *gin.Context) error {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Referrer-Policy", "same-origin")
	if p.files == nil {
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		c.Data(http.StatusOK, "text/html; charset=utf-8", welcome)
		return nil
	}
	return p.send(c, "index.html", "no-cache")
}

// Static answers /static-files/PATH. What stands in static carries a digest in
// its name and never changes.
func (p Pages) Static(c *gin.Context) error {
	name := strings.TrimPrefix(c.Param("path"), "/")
	if strings.HasPrefix(name, "static/") {
		return p.send(c, name, "public, max-age=31536000, immutable")
	}
	return p.send(c, name, "no-cache")
}

func (p Pages) send(c *gin.Context, name, caching string) error {
	gone := models.Errorf(models.KindNotFound, "The web interface has no file %q.", name)
	if p.files == nil || !fs.ValidPath(name) {
		return gone
	}
	file, err := p.files.Open(name)
	if err != nil {
		return gone
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return gone
	}
	h := c.Writer.Header()
	h.Set("Cache-Control", caching)
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(c.Writer, c.Request, name, info.ModTime(), file)
	return nil
}

package mlflow

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/services/artifact"
)

// send streams a file, or the ranges of it that the request asks for, or sends
// the client on to the store itself.
func (a Artifacts) send(c *gin.Context, f artifact.File) error {
	if a.Redirects && follows(c.Request) {
		if sent, err := redirect(c, f); sent || err != nil {
			return err
		}
	}
	h := c.Writer.Header()
	h.Set("Content-Type", contentType(f.Name))
	h.Set("Content-Disposition", disposition(f.Name))
	h.Set("X-Content-Type-Options", "nosniff")
	if f.SHA256 != "" {
		h.Set("ETag", `"`+f.SHA256+`"`)
	}
	d := &download{file: f}
	defer d.close()
	http.ServeContent(direct(c.Writer), c.Request, f.Name, f.Modified, d)
	if d.err != nil && !c.Writer.Written() {
		for _, name := range []string{"Content-Type", "Content-Disposition", "Content-Length", "Content-Range", "ETag", "Last-Modified", "Accept-Ranges"} {
			h.Del(name)
		}
	}
	return d.err
}

// download is a file as http.ServeContent wants it: opened where the range
// begins, and only once.
type download struct {
	file artifact.File
	at   int64
	r    io.ReadCloser
	err  error // of the store, not of the caller
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	if d.opened() == nil {
		return 0, d.err
	}
	n, err := d.r.Read(p)
	d.at += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		d.err = err
	}
	if errors.Is(err, io.EOF) && d.at < d.file.Size {
		d.err = io.ErrUnexpectedEOF
		return n, d.err
	}
	return n, err
}

// opened is the store's reader, nil where it cannot be had.
func (d *download) opened() io.Reader {
	if d.r == nil {
		r, err := d.file.Open(d.at)
		if err != nil {
			d.err = err
			return nil
		}
		d.r = r
	}
	return d.r
}

// Seek implements io.Seeker.
func (d *download) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += d.at
	case io.SeekEnd:
		offset += d.file.Size
	}
	if offset != d.at {
		d.close()
	}
	d.at = offset
	return offset, nil
}

func (d *download) close() {
	if d.r != nil {
		_ = d.r.Close()
		d.r = nil
	}
}

// plain lists the extensions that MLflow serves as text.
const plain = " txt log err cfg conf cnf cf ini properties prop hocon toml yaml yml xml json js py py3 csv tsv md rst ipynb MLmodel mlproject "

// contentType guesses by extension, as MLflow does.
func contentType(name string) string {
	extension := strings.TrimPrefix(path.Ext(name), ".")
	if extension == "" {
		extension = name
	}
	if strings.Contains(plain, " "+extension+" ") {
		return "text/plain"
	}
	if guess := mime.TypeByExtension("." + extension); guess != "" {
		return guess
	}
	return "application/octet-stream"
}

// disposition names the file to be saved, in ASCII and, where that is not all
// of it, in full.
func disposition(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	header := mime.FormatMediaType("attachment", map[string]string{"filename": ascii})
	full := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	if _, extended, ok := strings.Cut(full, "filename*"); ok {
		header += "; filename*" + extended
	}
	return header
}

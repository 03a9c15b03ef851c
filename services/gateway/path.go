package gateway

import (
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// destination is what a path asks for.
type destination struct {
	model, environment string
	release            int64  // 0: by weight
	rest               string // the instance's own path, escaped, with its slash
}

// parsePath reads /serve/{model}/{environment}/[releases/{n}/]rest. One parser
// does it, since a router cannot tell the two forms apart.
func parsePath(u *url.URL) (destination, error) {
	parts := strings.SplitN(strings.TrimPrefix(u.EscapedPath(), "/serve/"), "/", 3)
	if len(parts) < 3 {
		return destination{}, models.Errorf(models.KindNotFound, "write /serve/{model}/{environment}/…, such as /serve/shapes/production/invocations")
	}
	var d destination
	var err error
	if d.model, err = url.PathUnescape(parts[0]); err != nil {
		return d, models.Errorf(models.KindInvalid, "the model's name in the path is not well escaped")
	}
	if d.environment, err = url.PathUnescape(parts[1]); err != nil {
		return d, models.Errorf(models.KindInvalid, "the environment's name in the path is not well escaped")
	}
	d.rest = "/" + parts[2]
	if tail, ok := strings.CutPrefix(d.rest, "/releases/"); ok {
		number, rest, _ := strings.Cut(tail, "/")
		if d.release, err = strconv.ParseInt(number, 10, 64); err != nil || d.release < 1 {
			return d, models.Errorf(models.KindInvalid, "release %q: write its number, such as /serve/%s/%s/releases/3/…", number, d.model, d.environment)
		}
		d.rest = "/" + rest
	}
	plain, err := url.PathUnescape(d.rest)
	if err != nil {
		return d, models.Errorf(models.KindInvalid, "the path is not well escaped")
	}
	for _, element := range strings.Split(plain, "/") {
		if element == ".." || element == "." {
			return d, models.Errorf(models.KindInvalid, "the path must not contain %q", element)
		}
	}
	return d, nil
}

// rewrite gives the request that goes on the instance's own path. The address
// is set by the round trip, which picks the instance.
func rewrite(pr *httputil.ProxyRequest) {
	rest := callOf(pr.In.Context()).to.rest
	pr.Out.URL.Scheme, pr.Out.URL.Host = "http", "instance"
	pr.Out.URL.RawPath = rest
	pr.Out.URL.Path, _ = url.PathUnescape(rest) // parsePath has tried it
	pr.Out.Host = ""
	pr.SetXForwarded()
}

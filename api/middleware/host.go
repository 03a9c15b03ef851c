package middleware

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/api/reply"
	"github.com/slipway-ml/slipway/models"
)

// Hosts refuses requests whose Host is neither loopback's nor allowed, and
// state changes from a web page of another origin, so that no page that a
// person visits can drive a server without sign-in.
func Hosts(allowed []string) gin.HandlerFunc {
	return reply.Handle(func(c *gin.Context) error {
		if path := c.Request.URL.Path; path == "/health" || path == "/version" {
			return nil
		}
		if !allows(allowed, hostname(c.Request.Host)) {
			return models.Errorf(models.KindForbidden, "Host %q is not allowed here: start the server with --allowed-hosts %s", c.Request.Host, hostname(c.Request.Host)).Because(errStranger)
		}
		origin := c.GetHeader("Origin")
		if origin == "" || c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
			return nil
		}
		u, err := url.Parse(origin)
		if err != nil || !allows(allowed, u.Hostname()) {
			return models.Errorf(models.KindForbidden, "Origin %q is not allowed to change anything here: add its host to --allowed-hosts", origin).Because(errStranger)
		}
		return nil
	})
}

// errStranger has a refusal logged: who set the server up has to see which name
// is missing.
var errStranger = errors.New("without sign-in only known hosts are answered")

func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

func allows(allowed []string, host string) bool {
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return true
	}
	for _, a := range allowed {
		suffix, wild := strings.CutPrefix(a, "*")
		if strings.EqualFold(hostname(a), host) || a == "*" || wild && len(host) > len(suffix) && strings.HasSuffix(strings.ToLower(host), strings.ToLower(suffix)) {
			return true
		}
	}
	return false
}

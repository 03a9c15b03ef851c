package checkout

import (
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// ports are the usual ones of schemes.
var ports = map[string]string{"https": "443", "http": "80", "ssh": "22"}

// source is a repository's URL, taken apart.
type source struct {
	scheme, user, host, port, path string
	home                           bool // path is relative to the user's home
}

// short is user@host:path, as scp has it.
var short = regexp.MustCompile(`^(?:([\w.-]+)@)?(\[[0-9a-fA-F:]+\]|[\w.-]+):([^/:].*|/[^/].*)$`)

// parse reads a URL of one of the schemes.
func parse(text string, schemes []string) (source, error) {
	var s source
	home := false
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return s, models.Errorf(models.KindInvalid, "git.url %q has blanks or control characters in it", text)
	}
	if !strings.Contains(text, "://") {
		m := short.FindStringSubmatch(text)
		if m == nil {
			return s, models.Errorf(models.KindInvalid, "git.url %q is no URL: use https://host/path or ssh://git@host/path", hidden(text))
		}
		home = !strings.HasPrefix(m[3], "/")
		text = "ssh://" + m[2] + "/" + strings.TrimPrefix(m[3], "/")
		if m[1] != "" {
			text = "ssh://" + m[1] + "@" + strings.TrimPrefix(text, "ssh://")
		}
	}
	u, err := url.Parse(text)
	if err != nil {
		return s, models.Errorf(models.KindInvalid, "git.url %q is no URL: use https://host/path or ssh://git@host/path", hidden(text))
	}
	s = source{scheme: strings.ToLower(u.Scheme), user: u.User.Username(), host: strings.ToLower(u.Hostname()), port: u.Port(), path: u.EscapedPath(), home: home}
	if s.port == "" {
		s.port = ports[s.scheme]
	}
	_, password := u.User.Password()
	switch {
	case !slices.Contains(schemes, s.scheme):
		return s, models.Errorf(models.KindForbidden, "git.url begins with %s://, and this server fetches by %s (--git-allowed-schemes)", s.scheme, strings.Join(schemes, ", "))
	case password || s.user != "" && s.scheme != "ssh":
		return s, models.Errorf(models.KindInvalid, "git.url has a user or a password in it: name a secret by git.token instead, ${{ secrets.NAME }}")
	case s.host == "" || strings.HasPrefix(s.host, "-"):
		return s, models.Errorf(models.KindInvalid, "git.url %q names no host", text)
	case strings.HasPrefix(s.user, "-"), u.RawQuery != "", u.Fragment != "", strings.Trim(s.path, "/") == "":
		return s, models.Errorf(models.KindInvalid, "git.url %q does not name a repository: use https://host/path or ssh://git@host/path", hidden(text))
	}
	if s.scheme == "ssh" && s.user == "" {
		s.user = "git"
	}
	return s, nil
}

// hidden leaves out of a URL what may be a secret.
func hidden(text string) string {
	if at := strings.LastIndex(text, "@"); at >= 0 {
		return "…" + text[at:]
	}
	return text
}

// address is host:port of its server.
func (s source) address() string {
	return net.JoinHostPort(s.host, s.port)
}

// String gives the URL, which has no secret in it.
func (s source) String() string {
	u := s.scheme + "://"
	if s.user != "" {
		u += s.user + "@"
	}
	host := s.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if s.port != ports[s.scheme] {
		host += ":" + s.port
	}
	return u + host + s.path
}

// relative is the URL of a submodule, as .gitmodules has it.
func (s source) relative(to string) string {
	if !strings.HasPrefix(to, "./") && !strings.HasPrefix(to, "../") {
		return to
	}
	s.path = path.Join("/", strings.TrimSuffix(s.path, "/"), to)
	return s.String()
}

// commit is a whole commit id.
var commit = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// badRef is what git allows in no reference's name, and what it would take for
// an option or for more than a name.
var badRef = regexp.MustCompile(`^[-/+]|[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock$|[/.]$|^@$`)

// checkRef tells what is wrong with a reference.
func checkRef(ref string) error {
	if ref != "" && badRef.MatchString(ref) {
		return models.Errorf(models.KindInvalid, "git.ref %q is no name of a branch or a tag, nor a commit", ref)
	}
	return nil
}

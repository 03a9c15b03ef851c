package pyenv

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Settings are what the operator's variables say of indexes and certificates.
type Settings struct {
	Env     []string // for uv
	Path    string   // where it looks for interpreters, on this machine
	Trusted []string // hosts of the operator's own indexes
	Read    []string // folders and files that Env names
	secrets []string // passwords in it
}

// asPip are pip's names of what uv calls otherwise.
var asPip = map[string]string{
	"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_FIND_LINKS": "UV_FIND_LINKS", "PIP_CERT": "SSL_CERT_FILE",
	"UV_INDEX_URL": "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL": "UV_INDEX",
}

// taken are uv's names, but for those of credentials: UV_INDEX_NAME_USERNAME.
var taken = []string{
	"UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_INDEX_STRATEGY", "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_INSECURE_HOST", "UV_EXCLUDE_NEWER",
	"UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "UV_PYTHON_INSTALL_DIR", "UV_PRERELEASE", "UV_OFFLINE", "UV_NO_INDEX",
}

// FromEnv reads the server's variables: uv's, and pip's where uv's are not set.
func FromEnv(environ []string) Settings {
	values, pips := map[string]string{}, map[string]string{}
	var s Settings
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		credential := strings.HasPrefix(name, "UV_INDEX_") && (strings.HasSuffix(name, "_USERNAME") || strings.HasSuffix(name, "_PASSWORD"))
		if value == "" {
			continue
		}
		switch name {
		case "PATH":
			s.Path = value
		case "HOME": // where uv keeps the Pythons that it installed
			pips["UV_PYTHON_INSTALL_DIR"] = existing(filepath.Join(value, ".local", "share", "uv", "python"))
		}
		if slices.Contains(taken, name) || credential {
			values[name] = value
		} else if uvs := asPip[name]; uvs != "" && (pips[uvs] == "" || strings.HasPrefix(name, "UV_")) {
			pips[uvs] = value
		}
		if credential && strings.HasSuffix(name, "_PASSWORD") {
			s.secrets = append(s.secrets, value)
		}
	}
	for name, value := range pips {
		if values[name] == "" {
			values[name] = value
		}
	}
	for _, name := range []string{"UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"} {
		var kept []string
		for _, place := range strings.FieldsFunc(values[name], func(r rune) bool { return r == ' ' || r == ',' || r == '\n' }) {
			if s.place(place) {
				kept = append(kept, place)
			}
		}
		separator := " "
		if name == "UV_FIND_LINKS" {
			separator = ","
		}
		values[name] = strings.Join(kept, separator)
	}
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR", "UV_PYTHON_INSTALL_DIR"} {
		if values[name] != "" {
			s.Read = append(s.Read, values[name])
		}
	}
	for name, value := range values {
		if value != "" {
			s.Env = append(s.Env, name+"="+value)
		}
	}
	slices.Sort(s.Env)
	return s
}

// existing is a path, or "" where there is nothing.
func existing(path string) string {
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// place notes an index or a folder of packages; one that is not there is left
// out, as pip does.
func (s *Settings) place(text string) bool {
	address := text
	if name, rest, ok := strings.Cut(text, "="); ok && !strings.ContainsAny(name, ":/") {
		address = rest // uv's NAME=URL
	}
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if u.Scheme == "" || u.Scheme == "file" {
		if _, err := os.Stat(u.Path); err != nil {
			return false
		}
		s.Read = append(s.Read, u.Path)
		return true
	}
	s.Trusted = append(s.Trusted, u.Hostname())
	if password, ok := u.User.Password(); ok {
		s.secrets = append(s.secrets, password)
	}
	return true
}

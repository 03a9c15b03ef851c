package app

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/services/checkout"
	"github.com/slipway-ml/slipway/services/dial"
	"github.com/slipway-ml/slipway/services/pyenv"
	"github.com/slipway-ml/slipway/services/validation"
)

// sources are where run: steps have their repositories and packages from.
func (a *App) sources(p *parts) (validation.Sources, error) {
	cache, err := filepath.Abs(a.cfg.Sources.Environments)
	if err != nil {
		return validation.Sources{}, err
	}
	exit := dial.Exit{Guard: dial.Guard{AllowPrivate: a.cfg.Sources.AllowPrivateIPs}, Proxy: machineProxy, Now: time.Now}
	git := &checkout.Service{Runner: p.runner, Server: a.db.ServerID(), Exit: exit, Schemes: a.cfg.Sources.GitAllowedSchemes}
	git.Env, git.Read = authorities()
	python := &pyenv.Service{
		Server: a.db.ServerID(), Dir: cache, MaxBytes: int64(a.cfg.Sources.EnvironmentCache) << 30, UV: a.uv(), Exit: exit,
		Settings: pyenv.FromEnv(os.Environ()), Now: time.Now,
	}
	p.work = append(p.work, func(ctx context.Context) error {
		if err := python.Clean(); err != nil {
			a.log.WarnContext(ctx, "Python environments are not cleaned", "error", err)
		}
		return nil
	})
	return validation.Sources{Git: git, Python: python}, nil
}

// machineProxy is the proxy by which this machine reaches others, as its
// variables say (HTTPS_PROXY, NO_PROXY).
func machineProxy(to *url.URL) (*url.URL, error) {
	return http.ProxyFromEnvironment(&http.Request{URL: to})
}

// uv is beside the serving runtime, or installed; "" where it is not.
func (a *App) uv() string {
	for _, name := range []string{a.binary("uv"), "uv"} {
		if path, err := exec.LookPath(name); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	return ""
}

// authorities are the variables that say whom git trusts, and the files that
// they name.
func authorities() (env, files []string) {
	for _, entry := range os.Environ() {
		name, path, _ := strings.Cut(entry, "=")
		switch name {
		case "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE":
		default:
			continue
		}
		if _, err := os.Stat(path); err == nil {
			env, files = append(env, entry), append(files, path)
		}
	}
	return env, files
}

package checkout

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/services/dial"
)

// connection is how git reaches one repository. Secrets are in git's
// environment or in the memory of this process, never in a file.
type connection struct {
	from    source
	url     string // for git
	env     []string
	way     *dial.Way
	secrets []string
	session session // of ssh
}

func (c *connection) close() {
	if c.way != nil {
		c.way.Close()
	}
}

// connect opens the way to a repository. The request's secrets are for the
// server that it names, and for no other to which a submodule leads.
func (f *fetch) connect(ctx context.Context, from source) (*connection, error) {
	c := &connection{from: from, url: from.String(), session: session{said: deploy.Tail{Max: mostSaid}}}
	exit := f.Exit
	exit.Hosts = []string{from.address()}
	open := f.overHTTP
	if from.scheme == "ssh" {
		open = f.overSSH
	}
	err := open(ctx, c, exit)
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// ask answers git's question for a user and a password out of its environment.
const ask = `#!/bin/sh
case $1 in
Username*) printf '%s\n' "$SLIPWAY_GIT_USER" ;;
*) printf '%s\n' "$SLIPWAY_GIT_TOKEN" ;;
esac
`

func (f *fetch) overHTTP(ctx context.Context, c *connection, exit dial.Exit) (err error) {
	if c.way, err = exit.Open(ctx); err != nil {
		return err
	}
	proxy := c.way.URL()
	c.env = append(c.env, "GIT_ALLOW_PROTOCOL="+c.from.scheme, "http_proxy="+proxy, "https_proxy="+proxy, "no_proxy=")
	if u, err := url.Parse(proxy); err == nil {
		password, _ := u.User.Password()
		c.secrets = append(c.secrets, password)
	}
	token := strings.TrimSpace(f.request.Spec.Token)
	if token == "" || c.from.address() != f.top.address() || c.from.scheme != f.top.scheme {
		return nil
	}
	user := "x-access-token" // any will do for GitHub, GitLab, Azure DevOps and Gitea
	c.secrets = append(c.secrets, token)
	if name, password, ok := strings.Cut(token, ":"); ok {
		user, token = name, password
		c.secrets = append(c.secrets, token)
	}
	program := filepath.Join(f.private, "ask")
	if err := os.WriteFile(program, []byte(ask), 0o700); err != nil { //nolint:gosec // git runs it
		return err
	}
	c.env = append(c.env, "GIT_ASKPASS="+program, "SLIPWAY_GIT_USER="+user, "SLIPWAY_GIT_TOKEN="+token)
	return nil
}

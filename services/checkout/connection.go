package checkout

import (
	"context"
	"crypto"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dial"
)

// connection is how git reaches one repository. Secrets are in git's
// environment or in the memory of this process, never in a file.
type connection struct {
	from    source
	url     string // for git
	env     []string
	write   []string // folders that it uses
	way     *dial.Way
	secrets []string
	closers []func()
}

func (c *connection) close() {
	for _, end := range c.closers {
		end()
	}
}

// connect opens the way to a repository. The request's secrets are for the
// server that it names, and for no other to which a submodule leads.
func (f *fetch) connect(ctx context.Context, from source) (*connection, error) {
	c := &connection{from: from, url: from.String()}
	exit := f.Exit
	exit.Hosts = []string{from.address()}
	var err error
	switch from.scheme {
	case "file":
		return c, nil
	case "ssh":
		err = f.overSSH(ctx, c, exit)
	case "git":
		err = c.open(exit.Tunnel(ctx, from.address()))
		if err == nil {
			c.url = "git://" + c.way.Address() + from.path
		}
	default:
		err = f.overHTTP(ctx, c, exit)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *connection) open(way *dial.Way, err error) error {
	if err != nil {
		return err
	}
	c.way = way
	c.closers = append(c.closers, way.Close)
	return nil
}

// ask answers git's question for a user and a password out of its environment.
const ask = `#!/bin/sh
case $1 in
Username*) printf '%s\n' "$SLIPWAY_GIT_USER" ;;
*) printf '%s\n' "$SLIPWAY_GIT_TOKEN" ;;
esac
`

func (f *fetch) overHTTP(ctx context.Context, c *connection, exit dial.Exit) error {
	if err := c.open(exit.Open(ctx)); err != nil {
		return err
	}
	proxy := c.way.URL()
	c.env = append(c.env, "http_proxy="+proxy, "https_proxy="+proxy, "no_proxy=")
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

// overSSH has ssh sign in by an agent in this process, so that the key is in no
// file, to a server that known_hosts names.
func (f *fetch) overSSH(ctx context.Context, c *connection, exit dial.Exit) error {
	spec := f.request.Spec
	if c.from.address() != f.top.address() {
		return models.Errorf(models.KindForbidden, "the submodule %s is on another ssh server than %s, for which there is no key", c.from, f.top.host)
	}
	if spec.SSHKey == "" {
		return models.Errorf(models.KindInvalid, "git.url is ssh and there is no git.ssh_key: name a secret, ${{ secrets.NAME }}")
	}
	if strings.TrimSpace(spec.KnownHosts) == "" {
		return models.Errorf(models.KindInvalid, "git.url is ssh and there is no git.known_hosts, by which the server is known: it is what ssh-keyscan %s prints, once you have compared it with what the server's owner publishes", c.from.host)
	}
	key, err := readKey(spec.SSHKey)
	if err != nil {
		return err
	}
	known := filepath.Join(f.private, "known_hosts")
	if err := os.WriteFile(known, []byte(strings.ReplaceAll(spec.KnownHosts, "\r\n", "\n")+"\n"), 0o600); err != nil {
		return err
	}
	socket, err := c.serveKey(key)
	if err != nil {
		return err
	}
	if err := c.open(exit.Tunnel(ctx, c.from.address())); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(c.way.Address())
	if err != nil {
		return err
	}
	alias := c.from.host
	if c.from.port != ports["ssh"] {
		alias = "[" + alias + "]:" + c.from.port
	}
	c.env = append(c.env, "SSH_AUTH_SOCK="+socket, "GIT_SSH_VARIANT=ssh", "GIT_SSH_COMMAND=ssh -F /dev/null"+
		" -o BatchMode=yes -o StrictHostKeyChecking=yes -o IdentityFile=none -o IdentityAgent=SSH_AUTH_SOCK -o PreferredAuthentications=publickey"+
		" -o GlobalKnownHostsFile=/dev/null -o UpdateHostKeys=no -o ForwardAgent=no -o ClearAllForwardings=yes -o LogLevel=ERROR"+
		" -o UserKnownHostsFile="+quoted(`"`+known+`"`)+" -o HostKeyAlias="+quoted(alias)+" -o HostName="+host+" -o Port="+port)
	from := c.from
	from.port = ports["ssh"] // HostName and Port say where it is
	c.url = from.String()
	return nil
}

// quoted is a word for a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func readKey(text string) (crypto.PrivateKey, error) {
	key, err := ssh.ParseRawPrivateKey([]byte(strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) + "\n"))
	if _, locked := err.(*ssh.PassphraseMissingError); locked { //nolint:errorlint // it comes as it is
		return nil, models.Errorf(models.KindInvalid, "git.ssh_key has a passphrase, which nobody is there to type: make a deploy key without one")
	}
	if err != nil { // its text may quote the key
		return nil, models.Errorf(models.KindInvalid, "git.ssh_key is no private key in PEM or OpenSSH form: the secret has to hold all of its lines")
	}
	return key, nil
}

// serveKey answers ssh's questions for signatures on a socket in a folder of
// this user's alone.
func (c *connection) serveKey(key crypto.PrivateKey) (string, error) {
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		return "", models.Errorf(models.KindInvalid, "git.ssh_key is of a kind that ssh does not use here")
	}
	dir, err := os.MkdirTemp("", "slipway-") // the path of a socket is short
	if err != nil {
		return "", fmt.Errorf("make a folder for the ssh agent: %w", err)
	}
	c.closers = append(c.closers, func() { _ = os.RemoveAll(dir) })
	c.write = append(c.write, dir)
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(dir, "agent")})
	if err != nil {
		return "", fmt.Errorf("open the ssh agent: %w", err)
	}
	c.closers = append(c.closers, func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = agent.ServeAgent(ring, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String(), nil
}

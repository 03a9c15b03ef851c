package checkout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dial"
)

// overSSH signs in for git: git speaks its own protocol to a port of this
// process, which carries it on by ssh. So the key is in no file and in no
// other process, and the server is one that known_hosts names.
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
	config, err := f.known(c.from)
	if err != nil {
		return err
	}
	config.User, config.Auth, config.Timeout = c.from.user, []ssh.AuthMethod{ssh.PublicKeys(key)}, time.Minute
	c.way, err = exit.Serve(ctx, func(ctx context.Context, way *dial.Way, conn net.Conn) {
		c.session.end(c.carry(ctx, way, conn, config))
	})
	if err != nil {
		return err
	}
	c.url = "git://" + c.way.Address() + c.from.path
	c.env = append(c.env, "GIT_ALLOW_PROTOCOL=git")
	return nil
}

func readKey(text string) (ssh.Signer, error) {
	key, err := ssh.ParsePrivateKey([]byte(strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) + "\n"))
	if locked := (*ssh.PassphraseMissingError)(nil); errors.As(err, &locked) {
		return nil, models.Errorf(models.KindInvalid, "git.ssh_key has a passphrase, which nobody is there to type: make a deploy key without one")
	}
	if err != nil { // its text may quote the key
		return nil, models.Errorf(models.KindInvalid, "git.ssh_key is no private key in PEM or OpenSSH form: the secret has to hold all of its lines")
	}
	return key, nil
}

// known holds a server to git.known_hosts: to one of its keys, of the kinds
// that stand there.
func (f *fetch) known(from source) (*ssh.ClientConfig, error) {
	file := filepath.Join(f.private, "known_hosts")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(f.request.Spec.KnownHosts, "\r\n", "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	check, err := knownhosts.New(file)
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "git.known_hosts does not read: it is what ssh-keyscan %s prints", from.host)
	}
	address := &net.TCPAddr{IP: net.IPv4zero}
	config := &ssh.ClientConfig{HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
		return check(from.address(), address, key) // by its name: its address is the resolver's to change
	}}
	// A key of no kind is none of those there: the error names them.
	var names *knownhosts.KeyError
	if errors.As(check(from.address(), address, noKey{}), &names) {
		for _, want := range names.Want {
			config.HostKeyAlgorithms = append(config.HostKeyAlgorithms, algorithms(want.Key.Type())...)
		}
	}
	return config, nil
}

// algorithms are those by which a kind of key signs.
func algorithms(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{kind}
}

type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return nil }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// session is how the last conversation by ssh went.
type session struct {
	mu   sync.Mutex
	err  error
	said deploy.Tail // by the far side
}

func (s *session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Write implements io.Writer.
func (s *session) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.Write(p)
}

// tell gives how it went, and what was said.
func (s *session) tell() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said.String(), s.err
}

// carry takes git's wish and carries it to the server.
func (c *connection) carry(ctx context.Context, way *dial.Way, conn net.Conn, config *ssh.ClientConfig) error {
	version, err := readWish(conn)
	if err != nil {
		return err
	}
	out, err := way.Dial(ctx, "tcp", c.from.address())
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = out.Close() })
	defer stop()
	defer func() { _ = out.Close() }()
	there, channels, requests, err := ssh.NewClientConn(out, c.from.address(), config)
	if err != nil {
		return err
	}
	client := ssh.NewClient(there, channels, requests)
	defer func() { _ = client.Close() }()
	s, err := client.NewSession()
	if err != nil {
		return err
	}
	if version != "" {
		_ = s.Setenv("GIT_PROTOCOL", version) // one that knows it not speaks the older
	}
	s.Stderr = &c.session
	in, err := s.StdinPipe()
	if err != nil {
		return err
	}
	s.Stdout = conn
	if err := s.Start("git-upload-pack " + quoted(c.from.remotePath())); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(in, conn)
		_ = in.Close()
	}()
	return s.Wait()
}

// readWish reads the first line of git's protocol and gives the version that it
// asks for. Which repository it wants is known.
func readWish(conn net.Conn) (version string, err error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil {
		return "", err
	}
	size, err := strconv.ParseUint(string(head), 16, 16)
	if err != nil || size < 4 {
		return "", fmt.Errorf("git begins with %q", head)
	}
	line := make([]byte, size-4)
	if _, err := io.ReadFull(conn, line); err != nil {
		return "", err
	}
	for part := range strings.SplitSeq(string(line), "\x00") {
		if strings.HasPrefix(part, "version=") {
			version = part
		}
	}
	return version, nil
}

// remotePath is the repository's path as the far side's shell gets it.
func (s source) remotePath() string {
	path, err := url.PathUnescape(s.path)
	if err != nil {
		path = s.path
	}
	if s.home || strings.HasPrefix(path, "/~") {
		path = strings.TrimPrefix(path, "/")
	}
	return path
}

// quoted is a word for a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// sshFault says why a conversation by ssh came to nothing; nil where it is not
// ssh's.
func sshFault(c *connection, err error) error {
	var key *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &key), errors.As(err, &revoked):
		return models.Errorf(models.KindForbidden, "the Git server %s is not the one that git.known_hosts names, or not in it: compare what ssh-keyscan prints with what its owner publishes", c.from.host).Because(err)
	case strings.Contains(err.Error(), "no common algorithm for host key"):
		return models.Errorf(models.KindForbidden, "the Git server %s has no key of a kind that git.known_hosts names: add what ssh-keyscan prints", c.from.host).Because(err)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return models.Errorf(models.KindForbidden, "the Git server %s refuses git.ssh_key", c.from.host).Because(err)
	}
	if exit := (*ssh.ExitError)(nil); errors.As(err, &exit) {
		return nil // what it said tells
	}
	return models.Errorf(models.KindUnavailable, "the Git server %s broke off: %s", c.from.host, err).Because(err)
}

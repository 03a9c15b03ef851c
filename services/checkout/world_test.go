package checkout_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/slipway-ml/slipway/deploy/process"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/checkout"
	"github.com/slipway-ml/slipway/services/dial"
	"github.com/slipway-ml/slipway/tests/testbed"
)

func TestMain(m *testing.M) {
	process.Supervise()
	os.Exit(m.Run())
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return testbed.Git(t, dir, args...)
}

// write puts a file into a repository and commits it.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return commit(t, dir)
}

func commit(t *testing.T, dir string) string {
	t.Helper()
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "x")
	return git(t, dir, "rev-parse", "HEAD")
}

// repository makes one below a folder, with a first commit.
func repository(t *testing.T, root, name string) (dir, id string) {
	t.Helper()
	dir = filepath.Join(root, name)
	git(t, "", "init", "-q", "-b", "main", dir)
	return dir, write(t, dir, "tests/test_a.py", "def test(): pass\n")
}

// hosted serves the repositories below a folder.
func hosted(t *testing.T, root, token string) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(testbed.GitHandler(t, root, token))
	t.Cleanup(server.Close)
	return server
}

// service fetches on this machine, where all servers have private addresses.
func service(t *testing.T, servers ...*httptest.Server) *checkout.Service {
	t.Helper()
	s := &checkout.Service{
		Runner: process.Runner{}, Server: "test", Schemes: []string{"https", "ssh"}, Quiet: time.Minute,
		Exit: dial.Exit{Guard: dial.Guard{AllowPrivate: true}, Now: time.Now},
	}
	for _, server := range servers {
		authority := filepath.Join(t.TempDir(), "ca.pem")
		require.NoError(t, os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
		s.Env, s.Read = []string{"GIT_SSL_CAINFO=" + authority}, []string{authority}
	}
	return s
}

// fetch fetches into a new folder.
func fetch(t *testing.T, s *checkout.Service, spec models.GitSpec) (checkout.Checkout, string, error) {
	t.Helper()
	log := &bytes.Buffer{}
	dir := t.TempDir()
	got, err := s.Fetch(t.Context(), checkout.Request{ID: t.Name(), Spec: spec, Dir: dir, Log: log})
	require.NoDirExists(t, filepath.Join(dir, "git"), "what git needed is gone")
	for _, secret := range []string{spec.Token, spec.SSHKey} {
		if secret == "" {
			continue
		}
		require.NotContains(t, log.String()+fmt.Sprint(err), secret)
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				data, err := os.ReadFile(path)
				require.NoError(t, err)
				require.NotContains(t, string(data), secret, path)
			}
			return err
		}))
	}
	return got, log.String(), err
}

func refused(t *testing.T, err error, kind models.Kind, words string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, models.KindOf(err), err.Error())
	var known *models.Error
	require.ErrorAs(t, err, &known)
	require.Contains(t, known.Message, words)
}

// sshServer serves the repositories below a folder to one key. It tells its
// address and its line of known_hosts.
func sshServer(t *testing.T, root string, allowed ssh.PublicKey) (address, known string) {
	t.Helper()
	_, host, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(host)
	require.NoError(t, err)
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), allowed.Marshal()) {
			return nil, fmt.Errorf("another key")
		}
		return nil, nil
	}}
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveSSH(root, conn, config)
		}
	}()
	address = listener.Addr().String()
	host2, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	return address, fmt.Sprintf("[%s]:%s %s", host2, port, ssh.MarshalAuthorizedKey(signer.PublicKey()))
}

var packCommand = regexp.MustCompile(`^git-upload-pack '/?([\w./-]+)'$`)

func serveSSH(root string, conn net.Conn, config *ssh.ServerConfig) {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for open := range channels {
		channel, asks, err := open.Accept()
		if err != nil {
			return
		}
		go func() {
			for ask := range asks {
				if ask.Type != "exec" {
					_ = ask.Reply(ask.Type == "env", nil)
					continue
				}
				_ = ask.Reply(true, nil)
				status := []byte{0, 0, 0, 1}
				if m := packCommand.FindStringSubmatch(string(ask.Payload[4:])); m != nil {
					cmd := exec.Command("git-upload-pack", filepath.Join(root, m[1]))
					cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
					in, _ := cmd.StdinPipe()
					go func() { _, _ = io.Copy(in, channel); _ = in.Close() }()
					if cmd.Run() == nil {
						binary.BigEndian.PutUint32(status, 0)
					}
				}
				_, _ = channel.SendRequest("exit-status", false, status)
				_ = channel.Close()
			}
		}()
	}
}

// newKey is a private key as a file has it, and its public part.
func newKey(t *testing.T) (text string, public ssh.PublicKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(block)), signer.PublicKey()
}

func cancelSoon(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), 300*time.Millisecond)
}

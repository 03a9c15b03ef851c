package checkout_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/checkout"
	"github.com/slipway-ml/slipway/services/dial"
)

func TestBranchesTagsAndCommits(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir, first := repository(t, root, "team/app")
	git(t, dir, "tag", "-a", "-m", "x", "v1")
	second := write(t, dir, "second", "2")
	git(t, dir, "checkout", "-q", "-b", "release/2")
	branch := write(t, dir, "third", "3")
	git(t, dir, "checkout", "-q", "main")
	server := hosted(t, root, "")
	s := service(t, server)
	url := server.URL + "/team/app"
	for ref, want := range map[string]string{
		"": second, "main": second, "refs/heads/main": second, "v1": first, "release/2": branch, second: second, first: first,
	} {
		got, log, err := fetch(t, s, models.GitSpec{URL: url, Ref: ref})
		require.NoError(t, err, ref)
		require.Equal(t, want, got.Commit, ref)
		require.Contains(t, log, want)
		require.FileExists(t, filepath.Join(got.Dir, "tests/test_a.py"))
		require.Equal(t, "1", git(t, got.Root, "rev-list", "--count", "HEAD"), "shallow")
	}
	got, _, err := fetch(t, s, models.GitSpec{URL: url, Path: "tests"})
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(got.Dir, "test_a.py"))

	for ref, words := range map[string]string{"nothing": "no branch, tag or commit nothing", second[:9]: "a commit is written whole", strings.Repeat("a", 40): "no branch, tag or commit"} {
		_, _, err := fetch(t, s, models.GitSpec{URL: url, Ref: ref})
		refused(t, err, models.KindNotFound, words)
	}
	_, _, err = fetch(t, s, models.GitSpec{URL: url + "-gone"})
	refused(t, err, models.KindNotFound, "there is no repository")
	_, _, err = fetch(t, s, models.GitSpec{URL: url, Path: "second/third"})
	refused(t, err, models.KindNotFound, "git.path")
}

// A server may refuse single commits: then all of the history comes.
func TestACommitThatTheServerDoesNotGiveAlone(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir, first := repository(t, root, "app")
	write(t, dir, "second", "2")
	key, public := newKey(t)
	address, known := sshServer(t, root, public) // which speaks protocol 0, and that gives tips only
	spec := models.GitSpec{URL: "ssh://git@" + address + "/app", Ref: first, SSHKey: key, KnownHosts: known}
	got, log, err := fetch(t, service(t), spec)
	require.NoError(t, err)
	require.Equal(t, first, got.Commit)
	require.NoFileExists(t, filepath.Join(got.Dir, "second"))
	require.Contains(t, log, "all of its history")
	spec.Ref = strings.Repeat("a", 40)
	_, _, err = fetch(t, service(t), spec)
	refused(t, err, models.KindNotFound, "no branch, tag or commit")
}

func TestATokenSignsIn(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	_, id := repository(t, root, "app")
	const token = "glpat-s3cr3t'%$x"
	server := hosted(t, root, token)
	s, url := service(t, server), server.URL+"/app"
	for _, secret := range []string{token, "somebody:" + token, token + "\n"} {
		got, _, err := fetch(t, s, models.GitSpec{URL: url, Token: secret})
		require.NoError(t, err)
		require.Equal(t, id, got.Commit)
	}
	_, _, err := fetch(t, s, models.GitSpec{URL: url})
	refused(t, err, models.KindForbidden, "git.token")
	_, log, err := fetch(t, s, models.GitSpec{URL: url, Token: "another-one"})
	refused(t, err, models.KindForbidden, "refuses git.token")
	require.NotContains(t, log, "another-one", "though the server repeats it")

	_, _, err = fetch(t, service(t), models.GitSpec{URL: url, Token: token})
	refused(t, err, models.KindInvalid, "certificate")
}

func TestSSHSignsInToAServerThatIsKnown(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	_, id := repository(t, root, "team/app.git")
	key, public := newKey(t)
	address, known := sshServer(t, root, public)
	url, s := "ssh://"+address+"/team/app.git", service(t)
	good := models.GitSpec{URL: url, SSHKey: key, KnownHosts: known}
	for _, spec := range []models.GitSpec{
		good, {URL: url, SSHKey: strings.ReplaceAll(key, "\n", "\r\n"), KnownHosts: strings.TrimSpace(known)},
	} {
		got, _, err := fetch(t, s, spec)
		require.NoError(t, err)
		require.Equal(t, id, got.Commit)
	}
	other, _ := newKey(t)
	_, stranger := sshServer(t, root, public)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	wrong := fmt.Sprintf("[127.0.0.1]:%s %s", port, strings.SplitN(stranger, " ", 2)[1])
	for words, c := range map[string]struct {
		change func(*models.GitSpec)
		kind   models.Kind
	}{
		"git.ssh_key:":               {func(s *models.GitSpec) { s.SSHKey = "" }, models.KindInvalid},
		"ssh-keyscan 127.0.0.1":      {func(s *models.GitSpec) { s.KnownHosts = " \n" }, models.KindInvalid},
		"not the one that":           {func(s *models.GitSpec) { s.KnownHosts = wrong }, models.KindForbidden},
		"or not in it":               {func(s *models.GitSpec) { s.KnownHosts = "example.org " + strings.SplitN(known, " ", 2)[1] }, models.KindForbidden},
		"refuses git.ssh_key":        {func(s *models.GitSpec) { s.SSHKey = other }, models.KindForbidden},
		"no private key":             {func(s *models.GitSpec) { s.SSHKey = "c2VjcmV0" }, models.KindInvalid},
		"no repository":              {func(s *models.GitSpec) { s.URL += "-gone" }, models.KindNotFound},
		"no branch, tag or commit x": {func(s *models.GitSpec) { s.Ref = "x" }, models.KindNotFound},
	} {
		spec := good
		c.change(&spec)
		_, _, err := fetch(t, s, spec)
		refused(t, err, c.kind, words)
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := service(t)
	for url, words := range map[string]string{
		"":                             "no URL",
		"file:///etc":                  "fetches by https, ssh",
		"http://example.org/app":       "--git-allowed-schemes",
		"ext::sh -c touch% /tmp/pwned": "blanks",
		"ext::sh":                      "no URL",
		"https://u:p4ss@example.org/a": "git.token",
		"https://token@example.org/a":  "git.token",
		"https://example.org":          "does not name",
		"https://example.org/a?b=c":    "does not name",
		"https:///a":                   "no host",
		"ssh://-oProxyCommand=x/a":     "no host",
		"ssh://-x@example.org/a":       "does not name",
		"--upload-pack=touch":          "no URL",
		"https://exa\nmple.org/a":      "blanks",
	} {
		_, _, err := fetch(t, s, models.GitSpec{URL: url})
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "p4ss")
		require.Contains(t, err.Error(), words, url)
	}
	for _, ref := range []string{"-x", "--upload-pack=touch x", "a:b", "+main", "a..b", "a b", "a^", "a~1", "HEAD@{1}", "a\x00b", "x.lock", "/a", "a/"} {
		_, _, err := fetch(t, s, models.GitSpec{URL: "https://example.org/a", Ref: ref})
		refused(t, err, models.KindInvalid, "git.ref")
	}
	for _, path := range []string{"..", "a/../../b", "/../etc"} {
		_, _, err := fetch(t, s, models.GitSpec{URL: "https://example.org/a", Path: path})
		require.Error(t, err, path)
	}
}

func TestPrivateAddressesAndOtherHosts(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	repository(t, root, "app")
	server := hosted(t, root, "")
	s := service(t, server)
	s.Exit.Guard = dial.Guard{}
	_, _, err := fetch(t, s, models.GitSpec{URL: server.URL + "/app"})
	refused(t, err, models.KindForbidden, "--sources-allow-private-ips")
	key, public := newKey(t)
	address, known := sshServer(t, root, public)
	_, _, err = fetch(t, s, models.GitSpec{URL: "ssh://" + address + "/app", SSHKey: key, KnownHosts: known})
	refused(t, err, models.KindForbidden, "--sources-allow-private-ips")

	leads := httptest.NewTLSServer(http.RedirectHandler(server.URL+"/app/info/refs?service=git-upload-pack", http.StatusFound))
	t.Cleanup(leads.Close)
	_, _, err = fetch(t, service(t, leads), models.GitSpec{URL: leads.URL + "/app"})
	refused(t, err, models.KindForbidden, "leads to another host")
}

func TestServersThatAreAway(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, in the kernel, and says nothing
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	key, public := newKey(t)
	_, known := sshServer(t, t.TempDir(), public)
	s := service(t)
	s.Quiet = 500 * time.Millisecond
	for _, scheme := range []string{"https", "ssh"} {
		began := time.Now()
		_, _, err = fetch(t, s, models.GitSpec{URL: scheme + "://" + silent.Addr().String() + "/app", SSHKey: key, KnownHosts: known})
		refused(t, err, models.KindUnavailable, "sent nothing for 500ms")
		require.Less(t, time.Since(began), 20*time.Second)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	_, _, err = fetch(t, service(t), models.GitSpec{URL: "https://" + closed.Addr().String() + "/app"})
	refused(t, err, models.KindUnavailable, "is not reached")
	_, _, err = fetch(t, service(t), models.GitSpec{URL: "https://no-such-host.invalid/app"})
	refused(t, err, models.KindUnavailable, "is not reached")

	broken := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	t.Cleanup(broken.Close)
	_, _, err = fetch(t, service(t, broken), models.GitSpec{URL: broken.URL + "/app"})
	refused(t, err, models.KindUnavailable, "cannot answer now")
}

func TestSubmodulesComeWhereTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	inner, innerID := repository(t, root, "libs/inner")
	app, _ := repository(t, root, "apps/app")
	git(t, app, "-c", "protocol.file.allow=always", "submodule", "-q", "add", "--name", "x", inner, "vendor/inner")
	require.NoError(t, os.WriteFile(filepath.Join(app, ".gitmodules"), []byte("[submodule \"x\"]\n\tpath = vendor/inner\n\turl = ../../libs/inner\n"), 0o600))
	commit(t, app)
	write(t, inner, "later", "not in the commit that app names")
	const token = "a-secret-token"
	server := hosted(t, root, token)
	s := service(t, server)
	spec := models.GitSpec{URL: server.URL + "/apps/app", Token: token}
	got, _, err := fetch(t, s, spec)
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(got.Dir, "vendor/inner/tests/test_a.py"))
	spec.Submodules = true
	got, log, err := fetch(t, s, spec)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(got.Dir, "vendor/inner/tests/test_a.py"))
	require.NoFileExists(t, filepath.Join(got.Dir, "vendor/inner/later"))
	require.Equal(t, innerID, git(t, filepath.Join(got.Dir, "vendor/inner"), "rev-parse", "HEAD"))
	require.Contains(t, log, "submodule vendor/inner")

	// One that leads elsewhere is not shown the token, and one by another scheme
	// is not followed at all.
	var shown string
	thief := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown += r.Header.Get("Authorization")
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(thief.Close)
	for url, words := range map[string]string{thief.URL + "/x": "wants a sign-in", "file://" + inner: "--git-allowed-schemes", "-x": "no URL", "ext::sh": "no URL"} {
		require.NoError(t, os.WriteFile(filepath.Join(app, ".gitmodules"), []byte("[submodule \"x\"]\n\tpath = vendor/inner\n\turl = "+url+"\n"), 0o600))
		commit(t, app)
		_, _, err := fetch(t, s, spec)
		require.ErrorContains(t, err, words)
	}
	require.Empty(t, shown)
}

func TestHostileRepositories(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	marker := filepath.Join(root, "ran")
	app, _ := repository(t, root, "app")
	write(t, app, ".gitattributes", "* filter=evil\n*.bin filter=lfs diff=lfs merge=lfs -text\n")
	write(t, app, "hooks/post-checkout", "#!/bin/sh\ntouch "+marker+"\n")
	write(t, app, ".gitconfig", "[core]\n\tfsmonitor = touch "+marker+"\n")
	git(t, app, "config", "filter.evil.smudge", "touch "+marker)
	require.NoError(t, os.Symlink("tests/test_a.py", filepath.Join(app, "inside")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(app, "dangling")))
	commit(t, app)
	server := hosted(t, root, "")
	s, spec := service(t, server), models.GitSpec{URL: server.URL + "/app"}
	got, _, err := fetch(t, s, spec)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(got.Dir, "inside"))
	require.NoFileExists(t, marker)

	for name, target := range map[string]string{"absolute": "/etc/passwd", "up": "../../../../etc/passwd", "chained": "tests/../../../x", "deep": "sub/../../.."} {
		git(t, app, "checkout", "-q", "-B", name, "main")
		if name == "deep" {
			require.NoError(t, os.MkdirAll(filepath.Join(app, "a/b"), 0o750))
			require.NoError(t, os.WriteFile(filepath.Join(app, "a/b/c"), nil, 0o600))
			require.NoError(t, os.Symlink("a/b", filepath.Join(app, "sub"))) // by its text inside, by its folders outside
		}
		require.NoError(t, os.Symlink(target, filepath.Join(app, "link")))
		commit(t, app)
		_, _, err := fetch(t, s, models.GitSpec{URL: spec.URL, Ref: name})
		refused(t, err, models.KindForbidden, `symbolic link "link"`)
		_, _, err = fetch(t, s, models.GitSpec{URL: spec.URL, Ref: name, Path: "link"})
		refused(t, err, models.KindForbidden, "leads out of it")
	}
}

// A small repository whose tree is of ten million files.
func TestAGitBombIsCounted(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	app, _ := repository(t, root, "bomb")
	object := git(t, app, "rev-parse", "HEAD:tests/test_a.py")
	mode, kind := "100644", "blob"
	for range 7 {
		var list strings.Builder
		for i := range 10 {
			fmt.Fprintf(&list, "%s %s %s\tf%d\n", mode, kind, object, i)
		}
		path := filepath.Join(root, "list")
		require.NoError(t, os.WriteFile(path, []byte(list.String()), 0o600))
		object = git(t, app, "-c", "alias.tree=!git mktree <"+path, "tree")
		mode, kind = "040000", "tree"
	}
	git(t, app, "update-ref", "refs/heads/main", git(t, app, "commit-tree", "-m", "x", object))
	server := hosted(t, root, "")
	_, _, err := fetch(t, service(t, server), models.GitSpec{URL: server.URL + "/bomb"})
	refused(t, err, models.KindTooLarge, "more than 100000 files")
}

func TestAFetchIsCancelled(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	ctx, cancel := cancelSoon(t)
	defer cancel()
	_, err = service(t).Fetch(ctx, checkout.Request{ID: t.Name(), Spec: models.GitSpec{URL: "https://" + silent.Addr().String() + "/app"}, Dir: t.TempDir(), Log: os.Stderr})
	require.ErrorIs(t, err, ctx.Err())
}

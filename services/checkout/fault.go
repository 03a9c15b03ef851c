package checkout

import (
	"errors"
	"os/exec"
	"strings"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/dial"
)

// noGit says what an error of the start means.
func noGit(err error) error {
	if errors.Is(err, exec.ErrNotFound) || strings.Contains(err.Error(), exec.ErrNotFound.Error()) {
		return models.Errorf(models.KindUnsupported, "this server has no git: install it (slipway doctor)").Because(err)
	}
	return err
}

// fault says in our words why git failed, and by its kind whether trying again
// can help. Git says it in English: its language is set.
func (f *fetch) fault(c *connection, result deploy.RunResult, text string) error {
	switch result.Ending {
	case deploy.EndedMemory:
		return models.Errorf(models.KindTooLarge, "the repository %s needs more memory than git may use: it %s", c.from, result.Detail)
	case deploy.EndedExit:
	default:
		return models.Errorf(models.KindUnavailable, "git was ended: %s", result.Detail)
	}
	if c.way != nil {
		if err := c.way.Problem(); err != nil {
			return astray(c, err)
		}
		said, err := c.session.tell()
		if err := sshFault(c, err); err != nil {
			return err
		}
		text += said
	}
	spec := f.request.Spec
	for _, w := range words {
		for _, sign := range w.signs {
			if strings.Contains(text, sign) {
				return models.Errorf(w.kind, "%s", strings.NewReplacer("URL", c.from.String(), "HOST", c.from.host, "REF", or(spec.Ref, "HEAD")).Replace(w.words)).
					Because(errors.New(last(text)))
			}
		}
	}
	return models.Errorf(models.KindInvalid, "git could not fetch %s: %s", c.from, last(text))
}

// astray says why the way out led nowhere.
func astray(c *connection, err error) error {
	switch {
	case errors.Is(err, dial.ErrPrivate):
		return models.Errorf(models.KindForbidden, "the Git server %s has an address that is not public: --sources-allow-private-ips allows such", c.from.host).Because(err)
	case errors.Is(err, dial.ErrOtherHost):
		return models.Errorf(models.KindForbidden, "the Git server %s leads to another host, which is not followed: name that one in git.url", c.from.host).Because(err)
	}
	return models.Errorf(models.KindUnavailable, "the Git server %s is not reached: %s", c.from.address(), err)
}

// words are the endings of git that people can do something about, in the order
// in which they are looked for.
var words = []struct {
	kind  models.Kind
	words string
	signs []string
}{
	{models.KindFull, "there is no room for URL on the disk of the server's work folder", []string{"No space left on device", "Disk quota exceeded"}},
	{models.KindForbidden, "the Git server HOST wants a sign-in for URL: name a secret by git.token, ${{ secrets.NAME }}", []string{"could not read Username", "could not read Password"}},
	{models.KindForbidden, "the Git server HOST refuses git.token for URL", []string{"Authentication failed", "returned error: 401", "returned error: 403"}},
	{models.KindNotFound, "URL has no branch, tag or commit REF (a commit is written whole)", []string{"couldn't find remote ref", "not our ref", "unadvertised object", "is not a valid object name", "Needed a single revision", "bad object"}},
	{models.KindInvalid, "the certificate of the Git server HOST is not trusted by this machine (GIT_SSL_CAINFO names others)", []string{"certificate verification failed", "SSL certificate problem", "server verification failed"}},
	{models.KindNotFound, "there is no repository URL, or git.token or git.ssh_key may not see it", []string{"epository not found", "not found", "returned error: 404", "does not appear to be a git repository", "not exported"}},
	{models.KindUnavailable, "the Git server HOST cannot answer now", []string{
		"returned error: 5", "returned error: 429", "the remote end hung up", "early EOF", "Connection reset", "Connection refused", "Connection closed by",
		"Operation too slow", "timed out", "unexpected disconnect", "RPC failed", "Empty reply from server", "invalid index-pack output", "Failed to connect", "Broken pipe",
	}},
}

// last is the last line in which git says what went wrong.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i], "fatal:") || strings.HasPrefix(lines[i], "error:") {
			return lines[i]
		}
	}
	return lines[len(lines)-1]
}

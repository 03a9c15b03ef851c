package cli

import (
	"context"
	"os"

	"golang.org/x/term"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Secret is the command slipway secret.
type Secret struct {
	Set       SecretSet       `cmd:"" help:"Set a secret to what standard input has."`
	List      SecretList      `cmd:"" help:"List the secrets of a scope, without their values."`
	Delete    SecretDelete    `cmd:"" help:"Delete a secret."`
	RotateKey SecretRotateKey `cmd:"" help:"Replace the key that seals the secrets on the server."`
}

// SecretSet is the command slipway secret set.
type SecretSet struct {
	Scope
	Name string `arg:"" help:"The name: letters, digits and _, not a digit first. It is found in any case."`
}

// Help tells more.
func (*SecretSet) Help() string {
	return `Reads the value from standard input and drops the end of its last line:

  slipway secret set API_KEY < key.txt

On a terminal it asks for the value, which does not appear.`
}

// Run sets.
func (c *SecretSet) Run(ctx context.Context, s *Streams) error {
	value, err := c.read(ctx, s)
	if err != nil {
		return err
	}
	kept, err := put[client.Secret](ctx, &c.Scope, "secrets", c.Name, value)
	if err != nil {
		return err
	}
	if kept.Warning != "" {
		s.notef("slipway: %s: %s", kept.Name, kept.Warning)
	}
	s.printf("%s is set (%s, revision %d)", kept.Name, kept.Scope, kept.Revision)
	return nil
}

func (c *SecretSet) read(ctx context.Context, s *Streams) (string, error) {
	in, ok := s.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return readValue(s.In)
	}
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type line struct {
		text []byte
		err  error
	}
	typed := make(chan line, 1)
	_, _ = s.Err.Write([]byte("value of " + c.Name + ": "))
	go func() {
		text, err := term.ReadPassword(fd)
		typed <- line{text, err}
	}()
	select {
	case <-ctx.Done(): // the terminal shows again what is typed
		_ = term.Restore(fd, before)
		s.notef("")
		return "", ctx.Err()
	case l := <-typed:
		s.notef("")
		return string(l.text), l.err
	}
}

// SecretList is the command slipway secret list.
type SecretList struct{ Scope }

// Run lists.
func (c *SecretList) Run(ctx context.Context, s *Streams) error {
	list, err := all[client.Secret](ctx, &c.Scope, "secrets")
	if err != nil {
		return err
	}
	rows := [][]string{{"NAME", "SCOPE", "UPDATED", "BY", "READABLE"}}
	for _, l := range list {
		readable := "yes"
		if !l.Readable {
			readable = "no: set it anew"
		}
		rows = append(rows, []string{l.Name, string(l.Scope), moment(l.UpdatedAt), l.UpdatedBy, readable})
	}
	table(s.Out, rows)
	return nil
}

// SecretDelete is the command slipway secret delete.
type SecretDelete struct {
	Scope
	Name string `arg:"" help:"The name, in any case."`
}

// Run deletes.
func (c *SecretDelete) Run(ctx context.Context, s *Streams) error {
	return c.remove(ctx, s, "secrets", c.Name)
}

// SecretRotateKey is the command slipway secret rotate-key.
type SecretRotateKey struct{ Remote }

// Help tells more.
func (*SecretRotateKey) Help() string {
	return `Where the server keeps its key in a file (secret.key in the data folder), a new
key is made there. Where the key is given by --secret-key, start every server
with the new key there and the present one in --secret-key-old, give this
command, and take --secret-key-old away.

The server stays up. Everything is sealed anew in one transaction: killed at any
instant, every secret can be read, and the next rotation goes on.`
}

// Run rotates.
func (c *SecretRotateKey) Run(ctx context.Context, s *Streams) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	did, err := answer[client.KeyRotation](api.RotateSecretKey(ctx, &client.RotateSecretKeyParams{IdempotencyKey: once()}))
	if err != nil {
		return err
	}
	s.printf("%d secrets are sealed by the new key", did.Rewrapped)
	if did.Unreadable > 0 {
		s.notef("slipway: %d secrets cannot be read and stay as they are: set them anew", did.Unreadable)
	}
	return nil
}

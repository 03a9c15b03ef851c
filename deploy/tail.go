package deploy

import (
	"bytes"
	"strings"
)

// Tail keeps the last of what a run says, up to Max bytes.
type Tail struct {
	Max int
	buf bytes.Buffer
}

// Write implements io.Writer.
func (t *Tail) Write(p []byte) (int, error) {
	t.buf.Write(p)
	if extra := t.buf.Len() - t.Max; extra > 0 {
		t.buf.Next(extra)
	}
	return len(p), nil
}

// String gives it as it was said.
func (t *Tail) String() string { return t.buf.String() }

// Without gives it as valid UTF-8 without secrets, which a server may have
// repeated.
func (t *Tail) Without(secrets []string) string {
	text := t.buf.String()
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return strings.ToValidUTF8(text, "�")
}

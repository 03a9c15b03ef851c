package cli

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, (&Reference{}).Run(&Streams{Out: &out}))
	page, err := os.ReadFile("../../../docs/cli.md")
	require.NoError(t, err)
	require.Equal(t, out.String(), string(page), "run make generate")
}

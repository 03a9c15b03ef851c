package vault_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/vault"
)

func TestWhatIsSealedOpensUnderItsKeyAndNameOnly(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "deep", "secret.key")
	v, err := vault.Open(file)
	require.NoError(t, err)
	sealed := v.Seal("webhook 1", "the secret")
	require.NotContains(t, string(sealed), "secret")
	require.NotEqual(t, sealed, v.Seal("webhook 1", "the secret"))

	again, err := vault.Open(file)
	require.NoError(t, err)
	text, err := again.Open("webhook 1", sealed)
	require.NoError(t, err)
	require.Equal(t, "the secret", text)
	_, err = again.Open("webhook 2", sealed)
	require.ErrorIs(t, err, vault.ErrSealed)
	_, err = again.Open("webhook 1", sealed[:5])
	require.ErrorIs(t, err, vault.ErrSealed)
	other, err := vault.New("another key of more than 32 characters")
	require.NoError(t, err)
	_, err = other.Open("webhook 1", sealed)
	require.ErrorIs(t, err, vault.ErrSealed)

	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = vault.New("short")
	require.Error(t, err)
}

package dial_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/dial"
)

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"127.0.0.1", "127.255.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
		"::1", "::", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1",
		"198.18.0.1", "fec0::1", "64:ff9b:1::a00:1", "240.0.0.1",
	} {
		require.False(t, dial.Public(netip.MustParseAddr(address)), address)
	}
	for _, address := range []string{"1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"} {
		require.True(t, dial.Public(netip.MustParseAddr(address)), address)
	}
}

func TestAPrivateAddressIsNeverReached(t *testing.T) {
	t.Parallel()
	called := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
	t.Cleanup(other.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called++
		http.Redirect(w, r, other.URL, http.StatusFound)
	}))
	t.Cleanup(server.Close)

	refused, err := dial.Guard{}.Client(time.Second).Get(server.URL)
	if err == nil {
		require.NoError(t, refused.Body.Close())
	}
	require.ErrorIs(t, err, dial.ErrPrivate)
	require.ErrorIs(t, dial.Guard{}.Check(t.Context(), "localhost"), dial.ErrPrivate)
	require.Zero(t, called)

	res, err := dial.Guard{AllowPrivate: true}.Client(time.Second).Get(server.URL)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusFound, res.StatusCode, "another host is not followed")
	require.Equal(t, 1, called)
}

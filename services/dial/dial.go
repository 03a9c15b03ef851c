// Package dial connects to addresses that a user named: webhooks, Git,
// registries. It never reaches what only this machine or its network should,
// unless the operator allows that, and follows no redirect to another host.
package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrPrivate is the error of an address that is not public.
var ErrPrivate = errors.New("the address is not public")

// Guard decides which addresses may be reached.
type Guard struct {
	AllowPrivate bool
}

// notPublic are ranges beside those that package netip knows: shared address
// space (RFC 6598), protocol assignments and benchmarks (RFC 6890), what is
// reserved, and IPv6 that carries an IPv4 address (RFC 6052, 3056, 4380).
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("fec0::/10"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("::/96"),
}

// Public tells whether an address is one of the public internet.
func Public(address netip.Addr) bool {
	address = address.Unmap()
	if !address.IsGlobalUnicast() || address.IsPrivate() {
		return false // IsGlobalUnicast leaves out loopback, link-local, multicast and unspecified
	}
	for _, prefix := range notPublic {
		if prefix.Contains(address) {
			return false
		}
	}
	return true
}

// Check resolves a host and refuses it where any of its addresses may not be
// reached: for an early answer, since a connection is checked again.
func (g Guard) Check(ctx context.Context, host string) error {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("resolve %s: %w", host, err)
	}
	for _, a := range addresses {
		if !g.AllowPrivate && !Public(a) {
			return ErrPrivate
		}
	}
	return nil
}

// dialer connects to what may be reached. The address that a connection goes to
// is the one that is checked, so that a name cannot mean something else by then.
func (g Guard) dialer() *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if !g.AllowPrivate && !Public(to.Addr()) {
			return ErrPrivate
		}
		return nil
	}}
}

// Client makes an HTTP client. It uses no proxy: that would be what is checked
// instead.
func (g Guard) Client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:   timeout,
		Transport: &http.Transport{DialContext: g.dialer().DialContext, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 5 || r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

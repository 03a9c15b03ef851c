package dial

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrOtherHost is the error of a host that a proxy does not lead to.
var ErrOtherHost = errors.New("another host is not followed")

// Exit is the one way out of a program that fetches something for a user, such
// as git: a proxy on a loopback address that holds each connection against the
// guard. It sees when nothing comes any more.
type Exit struct {
	Guard   Guard
	Hosts   []string                         // host:port of all that may be reached; nil for any
	Trusted []string                         // hosts that are reached at any address, by the operator's word
	Proxy   func(*url.URL) (*url.URL, error) // the proxy that this machine uses itself; nil for none
	Now     func() time.Time
}

// Way is an Exit that is open.
type Way struct {
	exit     Exit
	listener net.Listener
	server   *http.Server
	user     string
	received atomic.Int64
	heard    atomic.Int64 // when something came or went last, in Unix nanoseconds
	open     context.Context
	end      context.CancelFunc
	mu       sync.Mutex
	problem  error
}

// Open begins to listen. The caller closes; what goes through it ends with ctx.
func (e Exit) Open(ctx context.Context) (*Way, error) {
	w, err := e.listen(ctx)
	if err != nil {
		return nil, err
	}
	w.user = rand.Text()
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: time.Minute}
	go func() { _ = w.server.Serve(w.listener) }()
	return w, nil
}

// Serve listens for a program that speaks to no server by itself: each of its
// connections is handled by a function, which dials (Way.Dial). As of Open, the
// caller closes.
func (e Exit) Serve(ctx context.Context, handle func(context.Context, *Way, net.Conn)) (*Way, error) {
	w, err := e.listen(ctx)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := w.listener.Accept()
			if err != nil {
				return
			}
			go func() {
				stop := context.AfterFunc(w.open, func() { _ = conn.Close() })
				defer stop()
				defer func() { _ = conn.Close() }()
				handle(w.open, w, conn)
			}()
		}
	}()
	return w, nil
}

func (e Exit) listen(ctx context.Context) (*Way, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a way out: %w", err)
	}
	w := &Way{exit: e, listener: listener}
	w.open, w.end = context.WithCancel(ctx)
	w.heard.Store(e.Now().UnixNano())
	return w, nil
}

// Address is where it listens, host:port.
func (w *Way) Address() string { return w.listener.Addr().String() }

// URL is the proxy's, with what lets in who was given it.
func (w *Way) URL() string { return "http://slipway:" + w.user + "@" + w.Address() }

// Close ends it, and the connections through it.
func (w *Way) Close() {
	w.end()
	_ = w.listener.Close()
	if w.server != nil {
		_ = w.server.Close()
	}
}

// Received is how many bytes came from afar.
func (w *Way) Received() int64 { return w.received.Load() }

// Quiet is how long nothing has come or gone.
func (w *Way) Quiet() time.Duration { return w.exit.Now().Sub(time.Unix(0, w.heard.Load())) }

// Problem is why a connection was last refused or could not be made; nil where
// all could.
func (w *Way) Problem() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.problem
}

// ServeHTTP implements http.Handler: CONNECT for TLS, and plain requests.
func (w *Way) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("slipway:"+w.user))
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Proxy-Authorization")), []byte(want)) != 1 {
		rw.Header().Set("Proxy-Authenticate", "Basic")
		rw.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	if r.Method != http.MethodConnect {
		if r.URL.Scheme != "http" {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		transport := &http.Transport{DialContext: w.Dial, DisableKeepAlives: true, DisableCompression: true}
		(&httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}, Transport: transport, FlushInterval: -1, ErrorHandler: refuse}).ServeHTTP(rw, r)
		return
	}
	out, err := w.Dial(r.Context(), "tcp", r.URL.Host)
	if err != nil {
		refuse(rw, r, err)
		return
	}
	conn, read, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		_ = out.Close()
		return
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = out.Close()
		return
	}
	w.join(conn, read, out)
}

func refuse(rw http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusBadGateway
	if errors.Is(err, ErrPrivate) || errors.Is(err, ErrOtherHost) {
		status = http.StatusForbidden
	}
	http.Error(rw, err.Error(), status)
}

// Dial connects where the guard and the hosts allow it.
func (w *Way) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.connect(ctx, network, address)
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.problem = fmt.Errorf("%s: %w", address, err)
		return nil, w.problem
	}
	return counted{conn, w}, nil
}

func (w *Way) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if w.exit.Hosts != nil && !slices.Contains(w.exit.Hosts, address) {
		return nil, ErrOtherHost
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	guard := w.exit.Guard
	guard.AllowPrivate = guard.AllowPrivate || slices.Contains(w.exit.Trusted, host)
	if w.exit.Proxy != nil {
		via, err := w.exit.Proxy(&url.URL{Scheme: "https", Host: address})
		if err != nil {
			return nil, err
		}
		if via != nil {
			return through(ctx, via, address)
		}
	}
	return guard.dialer().DialContext(ctx, network, address)
}

// join copies both ways until either side has ended.
func (w *Way) join(conn net.Conn, read io.Reader, out net.Conn) {
	defer func() { _ = out.Close() }()
	stop := context.AfterFunc(w.open, func() { _, _ = out.Close(), conn.Close() })
	defer stop()
	gone := make(chan struct{}, 2)
	go func() {
		_, _ = io.Copy(out, read)
		if half, ok := out.(counted).Conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		gone <- struct{}{}
	}()
	go func() {
		_, _ = io.Copy(conn, out)
		gone <- struct{}{}
		_ = conn.Close()
	}()
	<-gone
	<-gone
}

// counted is a connection whose traffic is noted.
type counted struct {
	net.Conn
	way *Way
}

// Read implements io.Reader.
func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.way.received.Add(int64(n))
	c.note(n)
	return n, err
}

// Write implements io.Writer.
func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.note(n)
	return n, err
}

func (c counted) note(n int) {
	if n > 0 {
		c.way.heard.Store(c.way.exit.Now().UnixNano())
	}
}

package dial

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// through asks another HTTP proxy, the operator's, for a connection: it decides
// what may be reached.
func through(ctx context.Context, via *url.URL, address string) (net.Conn, error) {
	to := via.Host
	if via.Port() == "" {
		to = net.JoinHostPort(via.Hostname(), "80")
	}
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", to)
	if err != nil {
		return nil, fmt.Errorf("the proxy of this machine: %w", err)
	}
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}
	if password, ok := via.User.Password(); ok {
		ask.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(via.User.Username()+":"+password)))
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	read := bufio.NewReader(conn)
	err = ask.Write(conn)
	if err == nil {
		var res *http.Response
		if res, err = http.ReadResponse(read, ask); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return begun{conn, read}, nil
			}
			err = fmt.Errorf("it answers %s", res.Status)
		}
	}
	_ = conn.Close()
	return nil, fmt.Errorf("the proxy of this machine: %w", err)
}

// begun is a connection of which something may have been read already.
type begun struct {
	net.Conn
	read *bufio.Reader
}

// Read implements io.Reader.
func (b begun) Read(p []byte) (int, error) { return b.read.Read(p) }

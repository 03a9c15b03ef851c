package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const mlflowAPI = "/api/2.0/mlflow/"

// conn is one client: a connection that it keeps. It writes a request in one
// piece and reads the answer, with far less work than net/http's client, for
// it shares the machine with what it measures.
type conn struct {
	address string
	net     net.Conn
	reader  *bufio.Reader
	request []byte
	used    time.Time
	body    bytes.Buffer // of the last answer
	text    []byte       // scratch for the cases
	bulk    []byte       // scratch for files
}

func newConn(address string) *conn { return &conn{address: address, bulk: make([]byte, 256<<10)} }

func (c *conn) close() {
	if c.net != nil {
		_ = c.net.Close()
		c.net = nil
	}
}

// dial keeps the connection; one that was idle for long a server may have
// closed.
func (c *conn) dial() error {
	if c.net != nil && time.Since(c.used) < time.Second {
		return nil
	}
	c.close()
	var err error
	if c.net, err = net.DialTimeout("tcp", c.address, 10*time.Second); err != nil {
		c.net = nil
		return err
	}
	c.reader, c.used = bufio.NewReaderSize(c.net, 64<<10), time.Now()
	return nil
}

func (c *conn) head(method, path string, length int64) {
	c.request = append(c.request[:0], method+" "+path+" HTTP/1.1\r\nHost: "+c.address+"\r\n"...)
	if length >= 0 {
		c.request = append(c.request, "Content-Type: application/json\r\nContent-Length: "...)
		c.request = strconv.AppendInt(c.request, length, 10)
		c.request = append(c.request, "\r\n"...)
	}
	c.request = append(c.request, "\r\n"...)
}

// do sends a request, body nil for none, and gives the body of a 200, which
// holds until the next call.
func (c *conn) do(method, path string, body []byte) ([]byte, error) {
	length := int64(len(body))
	if body == nil {
		length = -1
	}
	c.head(method, path, length)
	c.request = append(c.request, body...)
	return c.send(method, path, nil)
}

// upload sends a body of any length.
func (c *conn) upload(path string, length int64) error {
	c.head(http.MethodPut, path, length)
	_, err := c.send(http.MethodPut, path, io.LimitReader(noise{}, length))
	return err
}

func (c *conn) send(method, path string, body io.Reader) ([]byte, error) {
	answer, err := c.roundTrip(body) //nolint:bodyclose // it is read to its end, or the connection closes
	if err != nil {
		c.close()
		return nil, err
	}
	c.body.Reset()
	_, err = c.body.ReadFrom(answer.Body)
	c.used = time.Now()
	if err != nil || answer.Close {
		c.close()
	}
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %.80s: %d %.200s", method, path, answer.StatusCode, c.body.Bytes())
	}
	return c.body.Bytes(), err
}

func (c *conn) roundTrip(body io.Reader) (*http.Response, error) {
	if err := c.dial(); err != nil {
		return nil, err
	}
	_ = c.net.SetDeadline(time.Now().Add(2 * time.Minute))
	if _, err := c.net.Write(c.request); err != nil {
		return nil, err
	}
	if body != nil {
		if _, err := io.CopyBuffer(struct{ io.Writer }{c.net}, struct{ io.Reader }{body}, c.bulk); err != nil {
			return nil, err
		}
	}
	return http.ReadResponse(c.reader, nil)
}

// download reads a body of any length and drops it.
func (c *conn) download(path string, length int64) error {
	c.head(http.MethodGet, path, -1)
	answer, err := c.roundTrip(nil) //nolint:bodyclose // it is read to its end, or the connection closes
	if err != nil {
		c.close()
		return err
	}
	got, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{answer.Body}, c.bulk)
	c.used = time.Now()
	if err != nil || answer.Close {
		c.close()
	}
	if err == nil && (answer.StatusCode != http.StatusOK || got != length) {
		err = fmt.Errorf("GET %.80s: %d, %d of %d bytes", path, answer.StatusCode, got, length)
	}
	return err
}

// post calls the MLflow API.
func (c *conn) post(path string, body []byte) ([]byte, error) {
	return c.do(http.MethodPost, mlflowAPI+path, body)
}

// postJSON is post for what is not measured.
func (c *conn) postJSON(path string, body map[string]any, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := c.post(path, text)
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

func (c *conn) get(path string) ([]byte, error) { return c.do(http.MethodGet, path, nil) }

// nextToken finds a page's token without decoding the page.
func nextToken(page []byte) string {
	_, rest, found := bytes.Cut(page[max(0, len(page)-500):], []byte(`"next_page_token"`))
	if !found {
		return ""
	}
	parts := strings.SplitN(string(rest), `"`, 3)
	if len(parts) < 3 {
		return ""
	}
	var token string
	_ = json.Unmarshal([]byte(`"`+parts[1]+`"`), &token)
	return token
}

// noise is bytes that do not compress, at the speed of memory.
type noise struct{}

var noiseBytes = func() []byte {
	b := make([]byte, 1<<20)
	state := uint64(88172645463325252)
	for i := range b {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		b[i] = byte(state)
	}
	return b
}()

// Read implements io.Reader.
func (noise) Read(p []byte) (int, error) { return copy(p, noiseBytes), nil }

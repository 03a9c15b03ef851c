package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	patience = 2 * time.Minute // how long a server may be away while it is followed
	knockAt  = time.Second
)

// follow reads server-sent events until one named "end". A stream that breaks
// is opened again, for a server that restarts goes on with its work.
func follow(ctx context.Context, open func() (*http.Response, error), on func(event string, data []byte) error) error {
	lost := time.NewTimer(patience)
	defer lost.Stop()
	for {
		ended, alive, err := events(open, on)
		if ended || err != nil && !errors.Is(err, errBroken) {
			return err
		}
		if alive {
			lost.Reset(patience)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-lost.C:
			return fmt.Errorf("the server has been away for %s: %w", patience, err)
		case <-time.After(knockAt):
		}
	}
}

// errBroken marks what trying again can mend.
var errBroken = errors.New("the connection broke")

func events(open func() (*http.Response, error), on func(event string, data []byte) error) (ended, alive bool, err error) {
	resp, err := open()
	if err != nil {
		return false, false, errors.Join(errBroken, unreachable(err))
	}
	if resp.StatusCode != http.StatusOK {
		_, err := read(resp, nil)
		if resp.StatusCode >= http.StatusInternalServerError {
			err = errors.Join(errBroken, err)
		}
		return false, true, err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	var event, data string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return false, true, errBroken
		}
		line = strings.TrimRight(line, "\r\n")
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case field == "event":
			event = value
		case field == "data":
			data += value
		case line == "" && event != "":
			if err := on(event, []byte(data)); err != nil {
				return true, true, err
			}
			if event == "end" {
				_, _ = io.Copy(io.Discard, resp.Body)
				return true, true, nil
			}
			event, data = "", ""
		}
	}
}

package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/slipway-ml/slipway/deploy/forward"
)

// controlPrefix begins the names of the folders that are shared with runs.
const controlPrefix = "slipway-run-"

// controls is the server's side of a run's folder and its socket.
type controls struct {
	dir    string
	socket *net.UnixListener
	inits  chan net.Conn // the init's own connection, once
	taken  atomic.Bool
}

// newControls makes the folder, for a container's user, and listens.
func newControls(work string, user int, task initTask) (*controls, error) {
	dir, err := os.MkdirTemp(work, controlPrefix)
	if err != nil {
		return nil, err
	}
	c := &controls{dir: dir, inits: make(chan net.Conn, 1)}
	text, err := json.Marshal(task)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, taskFile), text, 0o644) //nolint:gosec // another user reads it
	}
	if err == nil {
		err = c.listen()
	}
	if err == nil && user != os.Geteuid() {
		err = os.Chown(dir, user, user)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the folder of a run: %w", err), c.close())
	}
	go c.serve(task.Reach)
	return c, nil
}

// listen opens the socket by the folder's descriptor: the name of a socket may
// not be long.
func (c *controls) listen() error {
	dir, err := os.Open(c.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	c.socket, err = net.ListenUnix("unix", &net.UnixAddr{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketFile), Net: "unix"})
	if err != nil {
		return err
	}
	c.socket.SetUnlinkOnClose(false)
	return os.Chmod(filepath.Join(c.dir, socketFile), 0o666) //nolint:gosec // in a folder that is the run's alone
}

// serve takes connections until the socket is closed.
func (c *controls) serve(reach []string) {
	for {
		conn, err := c.socket.Accept()
		if err != nil {
			return
		}
		go c.take(conn, reach)
	}
}

// take reads what a connection is for. A run that has the socket gets no
// further by it than it may.
func (c *controls) take(conn net.Conn, reach []string) {
	_ = conn.SetReadDeadline(now().Add(10 * time.Second))
	what, err := readLine(conn)
	_ = conn.SetReadDeadline(time.Time{})
	switch {
	case err == nil && what == control && !c.taken.Swap(true):
		c.inits <- conn
		return
	case err == nil && slices.Contains(reach, what):
		if out, err := (&net.Dialer{Timeout: 10 * time.Second}).Dial("tcp", what); err == nil {
			forward.Join(conn, out)
			_ = out.Close()
		}
	}
	_ = conn.Close()
}

// maxLine bounds what a connection may say of what it is for.
const maxLine = 300

// readLine reads a line and not a byte more: what follows is another's.
func readLine(conn net.Conn) (string, error) {
	var line []byte
	for one := make([]byte, 1); len(line) < maxLine; line = append(line, one[0]) {
		if _, err := conn.Read(one); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return string(line), nil
		}
	}
	return "", errors.New("a line without end")
}

func (c *controls) close() error {
	var err error
	if c.socket != nil {
		err = c.socket.Close()
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

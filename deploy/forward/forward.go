// Package forward carries connections from where a run listens to where it may
// not dial itself.
package forward

import (
	"io"
	"net"
	"sync"
)

// Serve joins each connection that comes to l with one that dial makes, until
// l is closed. One that cannot be made closes what came.
func Serve(l net.Listener, dial func() (net.Conn, error)) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			out, err := dial()
			if err != nil {
				return
			}
			defer out.Close()
			Join(in, out)
		}()
	}
}

// Join copies both ways until both ends have said all.
func Join(a, b net.Conn) {
	var both sync.WaitGroup
	both.Go(func() { copyTo(a, b) })
	both.Go(func() { copyTo(b, a) })
	both.Wait()
}

// copyTo copies one way, and passes on that nothing more comes.
func copyTo(to, from net.Conn) {
	_, err := io.Copy(to, from)
	half, ok := to.(interface{ CloseWrite() error })
	if err != nil || !ok || half.CloseWrite() != nil {
		_, _ = to.Close(), from.Close()
	}
}

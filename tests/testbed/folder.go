package testbed

import (
	"io"
	"os"
	"os/exec"
	"syscall"
)

// system is where this program put files aside when it began.
var system = os.TempDir()

// Folder makes a folder that outlives what OwnTemp removes: of a part that is
// stopped before its folder goes.
func Folder(pattern string) (string, error) { return os.MkdirTemp(system, pattern) }

// OwnTemp gives this program, and whom it starts, a folder for what they put
// aside. It goes when the program has ended, also by a signal: close the Closer
// last.
func OwnTemp() (io.Closer, error) {
	dir, err := Folder("slipway-test-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // Postgres runs as another user
		return nil, err
	}
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return nil, err
	}
	return StopWithProgram("true", dir)
}

// StopWithProgram leaves a process that runs a part's stop script on its folder
// and removes that once this program has ended, however it ended: the pipe
// between them, which the caller keeps, closes then. It is in a session of its
// own, so that what ends the program does not end it, too.
func StopWithProgram(script, dir string) (io.Closer, error) {
	watch := exec.Command("sh", "-c", `cat >/dev/null; "$0" "$1"; rm -rf "$1" || { sleep 1; rm -rf "$1"; }`, script, dir)
	watch.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	alive, err := watch.StdinPipe()
	if err != nil {
		return nil, err
	}
	return alive, watch.Start()
}

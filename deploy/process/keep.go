package process

import (
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/deploy"
)

// keepName is the name (argv[0]) by which this program knows that it keeps an
// instance. A keeper outlives the server: it bounds the instance's log, holds
// it to its memory and records how it ended. SIGTERM asks it to drain the
// instance, SIGINT to end it at once; killed, it takes the instance along.
const keepName = "slipway-keep"

// The files of an instance's folder.
const (
	recordFile  = "instance.json" // written by the server before the keeper starts
	lockFile    = "lock"          // held by the keeper while it lives
	keeperFile  = "keeper.json"   // written by the keeper before the instance starts
	ownDir      = "own"           // the instance's, to write to
	addressFile = "own/address"   // written by the instance once it listens
	endFile     = "end.json"      // written by the keeper when the instance has ended
	logFile     = "log"
)

// logBytes bounds an instance's log; as much again is kept of what was before.
const logBytes = 1 << 20

// keeper names a keeper's process for good.
type keeper struct {
	PID     int    `json:"pid"`
	Started uint64 `json:"started"` // clock ticks since boot
}

// alive tells whether the keeper still lives.
func (k keeper) alive() bool {
	p, ok := readProc(k.PID)
	return k.PID != 0 && ok && !p.zombie && p.started == k.Started
}

// keep runs an instance to its end.
func (s *supervisor) keep(send *json.Encoder) error {
	dir := s.task.Dir
	self, _ := readProc(os.Getpid())
	if err := writeJSON(filepath.Join(dir, keeperFile), keeper{self.pid, self.started}); err != nil {
		return err
	}
	output, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	log, err := openLog(filepath.Join(dir, logFile), logBytes)
	if err != nil {
		return err
	}
	s.out = writer
	if err := s.start(); err != nil {
		return err
	}
	_ = writer.Close()
	_ = send.Encode(report{PID: s.pid})
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		log.fill(output)
	}()
	s.onSignal(syscall.SIGTERM, 24*time.Hour)
	s.onSignal(syscall.SIGINT, 0)
	result := s.watch()
	<-copied // all of it has ended, and so has its output
	return writeJSON(filepath.Join(dir, endFile), end{result, now()})
}

// end is how an instance ended.
type end struct {
	Result deploy.RunResult `json:"result"`
	At     time.Time        `json:"at"`
}

// writeJSON writes a file that is there whole or not at all.
func writeJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

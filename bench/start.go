package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// server is a started process group.
type server struct {
	url     string
	command *exec.Cmd
	log     *os.File
	took    time.Duration // from its start to the first answer
	ended   chan struct{}
}

// start runs a command that serves on the port it is given, in a folder, and
// waits until /health answers.
func (b *bench) start(ctx context.Context, home string, arguments func(port string) []string) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()

	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(home, "log"))
	if err != nil {
		return nil, err
	}
	line := arguments(port)
	s := &server{url: "http://127.0.0.1:" + port, command: exec.CommandContext(ctx, line[0], line[1:]...), log: log, ended: make(chan struct{})}
	s.command.Dir, s.command.Stdout, s.command.Stderr = home, log, log
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	began := time.Now()
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	go func() { _ = s.command.Wait(); close(s.ended) }()
	if err := s.ready(ctx); err != nil {
		text, _ := os.ReadFile(log.Name())
		s.stop()
		return nil, fmt.Errorf("%s: %w; its log: %s", line[0], err, text)
	}
	s.took = time.Since(began)
	return s, nil
}

func (s *server) ready(ctx context.Context) error {
	deadline := time.NewTimer(3 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := call(ctx, "GET", s.url+"/health", nil, nil); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ended:
			return errors.New("it ended")
		case <-deadline.C:
			return errors.New("not ready after three minutes")
		case <-tick.C:
		}
	}
}

// stop ends the whole group and waits for it.
func (s *server) stop() {
	_ = syscall.Kill(-s.command.Process.Pid, syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
	}
	_ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL) // children that stayed
	<-s.ended
	s.log.Close()
}

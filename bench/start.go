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
}

// start runs a command that serves on the port it is given, in a folder of its
// own, and waits until path answers.
func (b *bench) start(ctx context.Context, name, path string, arguments func(port string) []string) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()

	home := filepath.Join(b.work, name)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(home, "log"))
	if err != nil {
		return nil, err
	}
	line := arguments(port)
	s := &server{url: "http://127.0.0.1:" + port, command: exec.CommandContext(ctx, line[0], line[1:]...), log: log}
	s.command.Dir, s.command.Stdout, s.command.Stderr = home, log, log
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.command.Start(); err != nil {
		return nil, err
	}
	if err := s.ready(ctx, path); err != nil {
		text, _ := os.ReadFile(log.Name())
		s.stop()
		return nil, fmt.Errorf("%s: %w; its log: %s", name, err, text)
	}
	return s, nil
}

func (s *server) ready(ctx context.Context, path string) error {
	deadline := time.NewTimer(3 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := call(ctx, "GET", s.url+path, nil, nil); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return errors.New("not ready after three minutes")
		case <-tick.C:
		}
	}
}

// stop ends the whole group and waits for it.
func (s *server) stop() {
	_ = syscall.Kill(-s.command.Process.Pid, syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = s.command.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL)
		<-done
	}
	s.log.Close()
}

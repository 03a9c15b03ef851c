package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// postgres is a cluster of our own with default settings, in a temporary
// folder and on a loopback port.
type postgres struct {
	bin  string
	dir  string
	port string
	pid  int
	as   *syscall.Credential // it refuses to run as root

	command *exec.Cmd
}

// startPostgres makes and starts a cluster of Debian's package.
func startPostgres(ctx context.Context, work string) (*postgres, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return nil, errors.New("no Postgres here: apt-get install postgresql")
	}
	p := &postgres{bin: filepath.Dir(found[len(found)-1]), dir: filepath.Join(work, "postgres")}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		p.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := errors.Join(os.Chmod(work, 0o711), os.Chown(p.dir, uid, gid)); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, p.port, _ = net.SplitHostPort(listener.Addr().String())
	listener.Close()
	data := filepath.Join(p.dir, "data")
	if err := p.run(ctx, "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8"); err != nil {
		return nil, err
	}
	return p, p.serve(ctx, data)
}

// serve starts the postmaster as a child of ours, so that it never outlives us.
func (p *postgres) serve(ctx context.Context, data string) error {
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return err
	}
	p.command = exec.Command(filepath.Join(p.bin, "postgres"), "-D", data, "-p", p.port, "-c", "listen_addresses=127.0.0.1", "-k", p.dir)
	p.command.Dir, p.command.Stdout, p.command.Stderr = p.dir, log, log
	p.command.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
	if err := p.command.Start(); err != nil {
		return err
	}
	p.pid = p.command.Process.Pid
	for range 100 {
		if err = p.run(ctx, "pg_isready", "-h", "127.0.0.1", "-p", p.port); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	p.stop()
	return err
}

func (p *postgres) run(ctx context.Context, program string, arguments ...string) error {
	c := exec.CommandContext(ctx, filepath.Join(p.bin, program), arguments...)
	c.Dir = p.dir
	c.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	if text, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, text)
	}
	return nil
}

// fresh makes an empty database and gives its URI.
func (p *postgres) fresh(ctx context.Context, name string) (string, error) {
	err := p.run(ctx, "psql", "-h", "127.0.0.1", "-p", p.port, "-U", "postgres", "-c", "CREATE DATABASE "+name)
	return "postgresql://postgres@127.0.0.1:" + p.port + "/" + name, err
}

func (p *postgres) stop() {
	_ = p.command.Process.Signal(syscall.SIGQUIT)
	_ = p.command.Wait()
}

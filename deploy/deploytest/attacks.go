package deploytest

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/folder"
)

// daemon leaves a process in a session of its own that nobody is the parent of.
const daemon = "(setsid sh -c 'sleep 600.5 & exec sleep 600.5' >/dev/null 2>&1 &) >/dev/null 2>&1; "

// attacks are what hostile steps do, by what comes of it.
var attacks = map[string]attempt{
	"the environments of other processes are not there": {
		shell: "cat /proc/[0-9]*/environ; cat /proc/@SERVER/environ /proc/@BYSTANDER/environ; exit 0",
		says:  []string{"HOME=", "No such file"},
	},
	"nor are their memory and files": {
		shell: "ls /proc/@BYSTANDER/fd /proc/@BYSTANDER/root/ && cat /proc/@BYSTANDER/mem; exit 0",
		says:  []string{"No such file"},
	},
	"the server's data is not there": {
		shell: "cat @DATA/slipway.db @DATA/secret.key @DATA/artifacts/1/model; ls @DATA; find @DATA -type f | grep -v @DATA/shared; exit 0",
		says:  []string{"No such file", "shared\nwork"},
	},
	"nor are the folders of other steps": {
		shell: "cat @DATA/work/another/run/token; ls @DATA/work/another; exit 0",
		says:  []string{"No such file"},
	},
	"nor by way of another process": {
		shell: "cat /proc/1/root@DATA/slipway.db /proc/self/root@DATA/slipway.db /proc/self/cwd/../../../slipway.db; exit 0",
		says:  []string{"slipway.db"},
	},
	"what is shared does not change": {
		shell: "echo x >@DATA/shared/environment; echo x >@DATA/shared/new; rm -f @DATA/shared/environment; mv @DATA/shared/environment /tmp/; chmod 777 @DATA/shared; exit 0",
		says:  []string{"Read-only file system"},
	},
	"nor the programs that all use": {
		shell: "echo x >/usr/bin/new; echo x >/etc/new; echo x >>/etc/passwd; rm -f /usr/bin/env; exec env true",
		says:  []string{"Read-only file system"},
	},
	"there is no way to another machine": {
		python: `
import errno, socket
for family, address in ((socket.AF_INET, "169.254.169.254"), (socket.AF_INET6, "fd00:ec2::254"), (socket.AF_INET, "10.0.0.1"), (socket.AF_INET, "192.0.2.1")):
    s = socket.socket(family)
    s.settimeout(5)
    print(address, errno.errorcode[s.connect_ex((address, 80))])
d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print("udp", errno.errorcode[d.connect_ex(("192.0.2.1", 53))])`,
		says: []string{"169.254.169.254 ENETUNREACH", "192.0.2.1 ENETUNREACH", "udp ENETUNREACH"},
	},
	"of this one it reaches what it may": {
		python: `
import urllib.request
print(urllib.request.urlopen("@REACHED").read().decode())
try:
    print(urllib.request.urlopen("@OTHER").read().decode())
except OSError as e:
    print(e)`,
		says: []string{"secret-page reached", "Connection refused"},
	},
	"it traces nobody": {
		python: `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for pid in (@SERVER, @BYSTANDER):
    print("traced" if libc.ptrace(16, pid, 0, 0) == 0 else "no", ctypes.get_errno())`,
		says: []string{"no 3\nno 3"},
	},
	"it ends nobody else": {
		shell: "kill -9 1; kill -9 @SERVER @BYSTANDER; sleep 0.2; echo still here",
		says:  []string{"still here"},
	},
	"it has no rights, and gains none": {
		shell: "grep -E '^(Cap(Eff|Prm|Bnd|Amb)|NoNewPrivs)' /proc/self/status; cat /etc/shadow; mknod device b 8 0; mount -t tmpfs none /tmp; chmod 6755 mine; exit 0",
		says: []string{
			"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1",
			"not permitted",
		},
	},
	"a program of its own that runs as its owner does not stay so": {
		shell: "cp /bin/sh s 2>/dev/null || cat /bin/sh >s; chmod 6755 s; cat s >@OUT/s; chmod 6755 @OUT/s",
		also: func(t *testing.T, spec deploy.RunSpec) {
			t.Helper()
			for _, dir := range []string{spec.Dir, spec.Write[0]} {
				info, err := os.Stat(filepath.Join(dir, "s"))
				require.NoError(t, err)
				require.Zero(t, info.Mode()&(os.ModeSetuid|os.ModeSetgid))
			}
		},
	},
	"there are no devices": {
		shell: "ls /dev; cat /dev/mem /dev/kmsg /dev/vda /dev/sda; exit 0",
		says:  []string{"null", "/dev/mem: No such file"},
	},
	"a fork bomb goes out": {
		python: `
import os
while True:
    try:
        os.fork()
    except OSError:
        pass`,
		change: func(s *deploy.RunSpec) { s.Processes, s.MemoryBytes = 64, 2<<30 },
		ending: deploy.EndedProcesses, detail: "its limit",
	},
	"all the memory is not had": {
		python: "x = []\nwhile True: x.append(bytearray(1 << 20))",
		change: func(s *deploy.RunSpec) { s.MemoryBytes = 128 << 20 },
		ending: deploy.EndedMemory, detail: "128 MiB",
	},
	"nor in files that have no name": {
		python: `
import os, time
f = os.memfd_create("x")
for _ in range(400): os.write(f, b"x" * (1 << 20))
time.sleep(600)`,
		change: func(s *deploy.RunSpec) { s.MemoryBytes = 128 << 20 },
		ending: deploy.EndedMemory, detail: "128 MiB",
	},
	"nor in its /tmp": {
		shell: "dd if=/dev/zero of=/tmp/x bs=1M count=200; dd if=/dev/zero of=/dev/shm/x bs=1M count=200; exit 0",
		says:  []string{"No space left"},
	},
	"the disk is not filled": {
		shell:  "dd if=/dev/zero of=@OUT/big bs=1M count=64; sleep 600",
		change: func(s *deploy.RunSpec) { s.DiskBytes = 16 << 20 },
		ending: deploy.EndedDisk, detail: "its limit is 16 MiB",
	},
	"nor with many small files": {
		python: `
import os, time
for i in range(10000): open("@OUT/%d" % i, "w").close()
time.sleep(600)`,
		change: func(s *deploy.RunSpec) { s.DiskBytes = 16 << 20 },
		ending: deploy.EndedDisk, detail: "its limit is 16 MiB",
	},
	"nor with one file": {
		shell:  "exec dd if=/dev/zero of=@OUT/big bs=1M count=64",
		change: func(s *deploy.RunSpec) { s.FileBytes = 16 << 20 },
		ending: deploy.EndedSignal, detail: "file larger",
	},
	"who ignores SIGTERM is killed": {
		shell:  daemon + "trap '' TERM HUP INT; while :; do sleep 600.5; done",
		change: func(s *deploy.RunSpec) { s.Timeout, s.Grace = time.Second, 300*time.Millisecond },
		ending: deploy.EndedTimeout, detail: "still running after 1s",
	},
	"who heeds it has a while": {
		shell:  "trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done",
		change: func(s *deploy.RunSpec) { s.Timeout, s.Grace = time.Second, 30*time.Second },
		ending: deploy.EndedTimeout, says: []string{"bye"},
	},
	"a daemon does not stay": {
		shell: daemon + "sleep 0.2; exit 3",
	},
	"a crash is one": {
		shell: "kill -SEGV $$", ending: deploy.EndedSignal, detail: "segmentation fault",
	},
	"what it leaves is read and not followed": {
		shell: `ln -s @DATA/slipway.db @OUT/link; ln -s / @OUT/root; ln -s .. @OUT/up; ln @DATA/slipway.db @OUT/hard; ln /etc/passwd @OUT/passwd
			mkdir @OUT/closed; echo fine >@OUT/closed/fine; chmod 0 @OUT/closed/fine @OUT/closed; python3 -c 'import os; os.mkfifo("@OUT/pipe")' || mknod @OUT/pipe p; exit 0`,
		also: func(t *testing.T, spec deploy.RunSpec) {
			t.Helper()
			found := map[string]string{}
			leftOut, err := folder.Files(spec.Write[0], func(f folder.File) error {
				file, err := f.Open()
				if err != nil {
					return err
				}
				defer file.Close()
				text, err := io.ReadAll(file)
				found[f.Path] = string(text)
				return err
			})
			require.NoError(t, err)
			require.Equal(t, map[string]string{"closed/fine": "fine\n"}, found)
			require.Equal(t, 4, leftOut)
			for _, path := range []string{"link", "root/etc/passwd", "up/run", "pipe", "../output/closed/fine"} {
				_, err := folder.Open(spec.Write[0], path)
				require.Error(t, err, path)
			}
		},
	},
}

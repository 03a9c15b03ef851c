package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/deploy/folder"
)

// diskInterval is how often a run's folders are measured, at most.
const diskInterval = time.Second

// watchDisk measures what the run writes to its folders from here on, and the
// memory that is hidden in files that have no name.
func (s *supervisor) watchDisk() {
	if s.task.DiskBytes <= 0 && s.task.MemoryBytes <= 0 {
		return
	}
	var first int64
	if s.task.DiskBytes > 0 {
		first = folder.Bytes(s.task.Disk)
	}
	go func() {
		for wait := diskInterval; ; {
			<-time.After(wait)
			begin := now()
			onDisk, inMemory := namelessBytes(descendants(os.Getpid()))
			s.hidden.Store(inMemory)
			if limit := s.task.DiskBytes; limit > 0 {
				if used := folder.Bytes(s.task.Disk) + onDisk - first; used > limit {
					s.full <- deploy.RunResult{
						Ending: deploy.EndedDisk,
						Detail: fmt.Sprintf("wrote %d MiB to its folders, its limit is %d MiB", used>>20, limit>>20),
					}
					return
				}
			}
			wait = max(diskInterval, 10*now().Sub(begin)) // many files take a while
		}
	}()
}

// namelessBytes sums the files that processes hold open and that have no name
// any more, or never had one: on a disk, and in memory alone.
func namelessBytes(pids []int) (onDisk, inMemory int64) {
	type file struct{ dev, ino uint64 }
	seen := map[file]bool{}
	for _, pid := range pids {
		open := fmt.Sprintf("/proc/%d/fd", pid)
		dir, err := os.Open(open)
		if err != nil {
			continue
		}
		names, _ := dir.Readdirnames(-1)
		_ = dir.Close()
		for _, n := range names {
			path := filepath.Join(open, n)
			target, err := os.Readlink(path)
			if err != nil || !strings.HasSuffix(target, " (deleted)") {
				continue
			}
			info, err := os.Stat(path)
			if err != nil {
				continue
			}
			stat, ok := info.Sys().(*syscall.Stat_t)
			if !ok || seen[file{stat.Dev, stat.Ino}] {
				continue
			}
			seen[file{stat.Dev, stat.Ino}] = true
			if strings.HasPrefix(target, "/memfd:") {
				inMemory += folder.FileBytes(info)
			} else {
				onDisk += folder.FileBytes(info)
			}
		}
	}
	return onDisk, inMemory
}

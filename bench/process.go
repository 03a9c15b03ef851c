package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const ticks = 100 // USER_HZ on Linux

// usage is the sum over a process and all its descendants.
type usage struct {
	processes int
	rss       int64 // bytes; a page that several processes share counts once for each
	cpu       time.Duration
}

func (u usage) mib() float64 { return float64(u.rss) / (1 << 20) }

type processInfo struct {
	parent int
	cpu    int64
	rss    int64
}

// tree sums up root and its descendants; root 0 gives nothing.
func tree(root int) (u usage) {
	if root == 0 {
		return u
	}
	all := processes()
	for pid, p := range all {
		if descends(all, pid, root) {
			u.processes++
			u.rss += p.rss
			u.cpu += time.Duration(p.cpu) * time.Second / ticks
		}
	}
	return u
}

func processes() map[int]processInfo {
	all := map[int]processInfo{}
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, _ := os.ReadFile("/proc/" + e.Name() + "/stat")
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(f) < 22 {
			continue // it has ended
		}
		n := func(i int) int64 { v, _ := strconv.ParseInt(f[i], 10, 64); return v }
		// Its own time and that of the children it has waited for.
		all[pid] = processInfo{parent: int(n(1)), cpu: n(11) + n(12) + n(13) + n(14), rss: n(21) * int64(os.Getpagesize())}
	}
	return all
}

func descends(all map[int]processInfo, pid, root int) bool {
	for ; pid > 1; pid = all[pid].parent {
		if pid == root {
			return true
		}
	}
	return false
}

// others measures from now on how many cores the rest of the machine takes:
// all but this process and what descends from it (every server and database
// of the bench does).
func others() func() float64 {
	at := func() time.Duration { return busy() - tree(os.Getpid()).cpu }
	start, was := time.Now(), at()
	return func() float64 { return max(0, (at()-was).Seconds()/time.Since(start).Seconds()) }
}

// busy is the processor time that the machine has spent on anything.
func busy() time.Duration {
	text, _ := os.ReadFile("/proc/stat")
	f := strings.Fields(strings.SplitN(string(text), "\n", 2)[0])
	var sum int64
	for i, s := range f {
		if i == 0 || i == 4 || i == 5 || i > 8 { // not the name, idle, iowait, guests
			continue
		}
		v, _ := strconv.ParseInt(s, 10, 64)
		sum += v
	}
	return time.Duration(sum) * time.Second / ticks
}

// ownTime is the processor time of this process alone.
func ownTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// settle waits until a tree takes a tenth of a core for two seconds running.
func settle(root int, limit time.Duration) {
	start := time.Now()
	for calm := 0; calm < 2 && time.Since(start) < limit; {
		was, at := tree(root).cpu, time.Now()
		time.Sleep(time.Second)
		if (tree(root).cpu-was).Seconds()/time.Since(at).Seconds() < 0.1 {
			calm++
		} else {
			calm = 0
		}
	}
}

// peak samples a tree's resident size until it is called.
func peak(root int) (stop func() float64) {
	done := make(chan struct{})
	var most float64
	var sampling sync.WaitGroup
	sampling.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, tree(root).mib())
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	})
	return func() float64 { close(done); sampling.Wait(); return most }
}

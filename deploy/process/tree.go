package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// proc is what /proc/PID/stat tells of one process.
type proc struct {
	pid     int
	parent  int
	zombie  bool
	started uint64 // in clock ticks since boot: with pid, names a process for good
}

// readProc reads one process; false where there is none.
func readProc(pid int) (proc, bool) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return proc{}, false
	}
	// The name stands in parentheses and may hold anything, so fields are
	// counted from the last one.
	i := bytes.LastIndexByte(data, ')')
	fields := strings.Fields(string(data[i+1:]))
	if i < 0 || len(fields) < 20 {
		return proc{}, false
	}
	parent, _ := strconv.Atoi(fields[1])
	started, _ := strconv.ParseUint(fields[19], 10, 64)
	return proc{pid: pid, parent: parent, zombie: fields[0] == "Z" || fields[0] == "X", started: started}, true
}

// processes lists every process of the machine.
func processes() []proc {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var all []proc
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, ok := readProc(pid); ok {
				all = append(all, p)
			}
		}
	}
	return all
}

// descendants gives the living processes below root, itself left out.
func descendants(root int) []int {
	children := map[int][]proc{}
	for _, p := range processes() {
		children[p.parent] = append(children[p.parent], p)
	}
	var found []int
	for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
		for _, p := range children[queue[0]] {
			queue = append(queue, p.pid)
			if !p.zombie {
				found = append(found, p.pid)
			}
		}
	}
	return found
}

// residentBytes sums what processes hold in memory, shared pages each time.
func residentBytes(pids []int) int64 {
	var pages int64
	for _, pid := range pids {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if fields := strings.Fields(string(data)); len(fields) > 1 {
			n, _ := strconv.ParseInt(fields[1], 10, 64)
			pages += n
		}
	}
	return pages * int64(os.Getpagesize())
}

// proportionalBytes sums what processes hold in memory, shared pages once. It
// is slow: the kernel walks the page tables. False where it cannot be told.
func proportionalBytes(pids []int) (int64, bool) {
	var sum int64
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, false
		}
		_, rest, found := strings.Cut(string(data), "\nPss:")
		fields := strings.Fields(rest)
		if !found || len(fields) == 0 {
			continue // a process that has just ended
		}
		kib, _ := strconv.ParseInt(fields[0], 10, 64)
		sum += kib << 10
	}
	return sum, true
}

package validation

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// Machine is what figures of time were measured on, and what a container leaves
// of it.
type Machine struct {
	Cores       int
	Processor   string  // as it calls itself; "" where it does not
	Memory      int64   // bytes; 0 where unknown
	CPULimit    float64 // cores; 0: none
	MemoryLimit int64   // bytes; 0: none
}

// ReadMachine reads it from the kernel's files.
func ReadMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Processor: fieldOf("/proc/cpuinfo", "model name")}
	if kib, err := strconv.ParseInt(strings.TrimSuffix(fieldOf("/proc/meminfo", "MemTotal"), " kB"), 10, 64); err == nil {
		m.Memory = kib << 10
	}
	m.limits("/proc/self/cgroup", "/sys/fs/cgroup")
	return m
}

// String says it in a line.
func (m Machine) String() string {
	text := fmt.Sprintf("%d cores (%s)", m.Cores, strings.TrimSpace(m.Processor+" "+runtime.GOARCH))
	if m.Memory > 0 {
		text += fmt.Sprintf(", %.1f GiB of memory", float64(m.Memory)/(1<<30))
	}
	if m.CPULimit > 0 {
		text += fmt.Sprintf(", limited to %.2g cores", m.CPULimit)
	}
	if m.MemoryLimit > 0 {
		text += fmt.Sprintf(", limited to %.1f GiB", float64(m.MemoryLimit)/(1<<30))
	}
	return text
}

// fieldOf reads the first "name: value" of a file.
func fieldOf(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// limits reads what the control group of this process allows, of either version
// of the kernel's.
func (m *Machine) limits(self, root string) {
	text, err := os.ReadFile(self)
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		dir, group := path.Join(root, parts[1]), parts[2]
		switch parts[1] {
		case "": // version 2
			quota, period, _ := strings.Cut(inGroup(root, group, "cpu.max"), " ")
			m.limitCPU(quota, period)
			m.limitMemory(inGroup(root, group, "memory.max"))
		case "cpu", "cpu,cpuacct", "cpuacct,cpu":
			m.limitCPU(inGroup(dir, group, "cpu.cfs_quota_us"), inGroup(dir, group, "cpu.cfs_period_us"))
		case "memory":
			m.limitMemory(inGroup(dir, group, "memory.limit_in_bytes"))
		}
	}
}

// inGroup reads a setting of a group; a container sees its own as the root.
func inGroup(root, group, name string) string {
	for _, dir := range []string{path.Join(root, group), root} {
		if text, err := os.ReadFile(path.Join(dir, name)); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	return ""
}

// limitCPU takes a quota of time by period; "max" and -1 are none.
func (m *Machine) limitCPU(quota, period string) {
	q, err := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err == nil && err2 == nil && q > 0 && p > 0 {
		m.CPULimit = q / p
	}
}

// limitMemory takes bytes; "max" and version 1's largest number are none.
func (m *Machine) limitMemory(text string) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 && n < math.MaxInt64>>8 {
		m.MemoryLimit = n
	}
}

package validation

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLimitsOfAContainer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		self  string
		files map[string]string
		want  Machine
	}{
		"version 2": {
			"0::/a/b\n",
			map[string]string{"a/b/cpu.max": "50000 100000\n", "a/b/memory.max": "536870912\n"},
			Machine{CPULimit: 0.5, MemoryLimit: 512 << 20},
		},
		"version 2 in a container, whose group is the root": {
			"0::/\n", map[string]string{"cpu.max": "250000 100000\n", "memory.max": "max\n"}, Machine{CPULimit: 2.5},
		},
		"version 1": {
			"4:memory:/x\n3:cpuset:/\n2:cpu,cpuacct:/x\n",
			map[string]string{
				"memory/x/memory.limit_in_bytes": "1073741824", "cpu,cpuacct/x/cpu.cfs_quota_us": "100000", "cpu,cpuacct/x/cpu.cfs_period_us": "100000",
			},
			Machine{CPULimit: 1, MemoryLimit: 1 << 30},
		},
		"version 1 without limits": {
			"4:memory:/\n1:cpu:/\n",
			map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712", "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
			Machine{},
		},
		"nothing to read": {"0::/\nnonsense\n", nil, Machine{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			self := filepath.Join(dir, "self")
			require.NoError(t, os.WriteFile(self, []byte(tt.self), 0o600))
			for path, text := range tt.files {
				require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600))
			}
			var got Machine
			got.limits(self, dir)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestTheMachineIsTold(t *testing.T) {
	t.Parallel()
	got := ReadMachine()
	require.Positive(t, got.Cores)
	require.Positive(t, got.Memory)
	require.Contains(t, Machine{Cores: 2, Processor: "Z80", Memory: 3 << 30, CPULimit: 0.5, MemoryLimit: 1 << 30}.String(), "3.0 GiB of memory, limited to 0.5 cores, limited to 1.0 GiB")
}

package main_test

import (
	"net/http"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestFewerProcessorsThanTheMachineHas serves on one of them alone, with more
// threads than that: ONNX Runtime must not bind a thread to one that is not
// given.
func TestFewerProcessorsThanTheMachineHas(t *testing.T) {
	t.Parallel()
	for _, threads := range []string{"1", "4"} {
		server := onOneProcessor(t, func() *instance { return start(t, filepath.Join(shapes, "v1.onnx"), "--threads", threads) })
		require.Equal(t, http.StatusOK, server.get("/health").status)
		set, err := affinity(server.cmd.Process.Pid)
		require.NoError(t, err)
		require.Equal(t, 1, set.Count(), "it is bound to one")
		answer := server.post("/detect", "image/jpeg", readFile(t, filepath.Join(shapes, "val/images/0003.jpg")))
		require.Equal(t, http.StatusOK, answer.status, "%s", answer.body)
		require.NotContains(t, server.log.text(), "affinity")
		require.NotContains(t, server.log.text(), "pthread")
	}
}

func affinity(pid int) (set unix.CPUSet, err error) {
	err = unix.SchedGetaffinity(pid, &set)
	return set, err
}

// onOneProcessor runs what starts a process on a thread that is bound to one
// processor, which the process inherits.
func onOneProcessor(t *testing.T, begin func() *instance) *instance {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &all))
	for cpu := range 1024 {
		if all.IsSet(cpu) {
			one.Zero()
			one.Set(cpu) // the last stays
		}
	}
	require.NoError(t, unix.SchedSetaffinity(0, &one))
	defer func() { require.NoError(t, unix.SchedSetaffinity(0, &all)) }()
	return begin()
}

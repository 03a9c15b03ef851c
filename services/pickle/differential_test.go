package pickle_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/pickle"
	"github.com/slipway-ml/slipway/tests/testbed"
)

// What Python's own pickle writes has the globals that pickletools shows, and
// no trouble.
func TestPythonsOwnPicklesReadAsPickletoolsShowsThem(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), testbed.Python(t), "-B", "testdata/differential.py", "20", "400")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 64<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var sample struct {
			Pickle  string
			Globals []string
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &sample))
		raw, err := hex.DecodeString(sample.Pickle)
		require.NoError(t, err)
		report := read(t, string(raw))
		require.Empty(t, report.Troubles, "pickle %d", n)
		require.True(t, report.Stopped)
		require.EqualValues(t, len(raw), report.End)
		got, want := names(report), map[string]bool{}
		for _, g := range sample.Globals {
			want[older.Replace(g)] = true
		}
		require.Equal(t, sorted(want), got, "pickle %d", n)
	}
	require.Equal(t, 400, n)
}

func names(report pickle.Report) []string {
	set := map[string]bool{}
	for _, g := range report.Globals {
		if g.Via == "" {
			set[g.Module+" "+g.Name] = true
		}
	}
	return sorted(set)
}

func sorted(set map[string]bool) []string {
	list := []string{}
	for name := range set {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

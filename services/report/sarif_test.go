package report

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func sarifOf(t *testing.T, k kept) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Service{Source: k, Version: "0.1.0"}.SARIF(t.Context(), &out, 12))
	return out.Bytes()
}

func sarif(t *testing.T, k kept) sarifLog {
	t.Helper()
	var log sarifLog
	dec := json.NewDecoder(bytes.NewReader(sarifOf(t, k)))
	dec.DisallowUnknownFields()
	require.NoError(t, dec.Decode(&log))
	return log
}

// TestSARIFKeepsToItsSchema holds the document against what
// sarif-schema-2.1.0.json says of the properties that it has.
func TestSARIFKeepsToItsSchema(t *testing.T) {
	t.Parallel()
	log := sarif(t, example(t))
	require.Equal(t, "2.1.0", log.Version)
	require.Len(t, log.Runs, 1)
	run := log.Runs[0]
	require.NotEmpty(t, run.Tool.Driver.Name)
	ids := map[string]bool{}
	for _, r := range run.Tool.Driver.Rules {
		require.NotEmpty(t, r.ID)
		require.NotEmpty(t, r.Short.Text)
		require.False(t, ids[r.ID], "rule ids are unique")
		ids[r.ID] = true
	}
	for _, r := range run.Results {
		require.Contains(t, []string{"none", "note", "warning", "error"}, r.Level)
		require.NotEmpty(t, r.Message.Text)
		require.Equal(t, r.RuleID, run.Tool.Driver.Rules[r.RuleIndex].ID)
		require.NotEmpty(t, r.Locations, "code scanning takes no result without a place")
		for _, l := range r.Locations {
			u, err := url.Parse(l.Physical.Artifact.URI)
			require.NoError(t, err)
			require.False(t, u.IsAbs(), "relative to its base")
			require.Contains(t, run.Bases, l.Physical.Artifact.Base)
			if l.Physical.Region != nil {
				require.Positive(t, l.Physical.Region.StartLine)
			}
		}
	}
	for _, i := range run.Invocations {
		_, err := time.Parse(time.RFC3339, i.Start)
		require.NoError(t, err)
	}
}

func TestSARIFTellsWhatWasFoundWhere(t *testing.T) {
	t.Parallel()
	run := sarif(t, example(t)).Runs[0]
	i := slices.IndexFunc(run.Results, func(r sarifResult) bool { return r.RuleID == "unsafe-code/script" })
	require.GreaterOrEqual(t, i, 0)
	at := run.Results[i].Locations[0].Physical
	require.Equal(t, "code/a%20b.py", at.Artifact.URI)
	require.Equal(t, "MODEL", at.Artifact.Base)
	require.Equal(t, 7, at.Region.StartLine)
	require.Equal(t, "warning", run.Results[i].Level)
	i = slices.IndexFunc(run.Results, func(r sarifResult) bool { return r.RuleID == "detection/threshold" })
	require.Equal(t, "slipway.yaml", run.Results[i].Locations[0].Physical.Artifact.URI)
	require.False(t, run.Invocations[0].Successful, "a step could not look")
	require.Contains(t, run.Invocations[0].Notifications[0].Message.Text, "step contract is errored")
}

func TestSARIFOfNothingHasResults(t *testing.T) {
	t.Parallel()
	k := example(t)
	k.validation.Steps = nil
	require.Contains(t, string(sarifOf(t, k)), `"results": []`)
}

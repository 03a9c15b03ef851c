package cli

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/openapi/client"
)

func TestAFindingStandsApartFromItsRemedy(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	tellStep(&Streams{Err: &said}, client.ValidationStep{Name: "detection", State: client.StepStateErrored, Findings: []client.Finding{
		{Severity: client.FindingSeverityError, Message: "a.jpg does not decode", Remedy: "mend it"},
		{Severity: client.FindingSeverityWarning, Message: "one image has many boxes"},
	}})
	require.Contains(t, said.String(), "error: a.jpg does not decode; mend it\n")
	require.Contains(t, said.String(), "warning: one image has many boxes\n")
}

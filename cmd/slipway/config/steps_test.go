package config_test

import (
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/cmd/slipway/config"
)

// parsed reads flags; kong has the configuration validate itself.
func parsed(t *testing.T, args ...string) (config.Config, error) {
	t.Helper()
	var c config.Config
	parser, err := kong.New(&c)
	require.NoError(t, err)
	_, err = parser.Parse(args)
	return c, err
}

func TestWhereStepsMayRun(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		host string
		want []string
	}{
		"on a loopback address they run as processes": {want: []string{"process"}},
		"elsewhere they do not":                       {host: "0.0.0.0", want: []string{"none"}},
		"elsewhere where the operator says":           {args: []string{"--allow-steps", "docker"}, host: "0.0.0.0", want: []string{"docker"}},
		"on both":                                     {args: []string{"--allow-steps", "process,docker"}, want: []string{"process", "docker"}},
		"nowhere":                                     {args: []string{"--allow-steps", "none"}, want: []string{"none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := parsed(t, tc.args...)
			require.NoError(t, err)
			if tc.host != "" {
				c.Host = tc.host
			}
			c.Fill()
			require.Equal(t, tc.want, c.AllowSteps)
		})
	}
	for name, tc := range map[string]struct{ arg, says string }{
		"nowhere and somewhere": {"none,docker", "--allow-steps none: it goes alone"},
		"what is not there yet": {"kubernetes", "--allow-steps kubernetes: use process, docker or both, or none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parsed(t, "--allow-steps", tc.arg)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

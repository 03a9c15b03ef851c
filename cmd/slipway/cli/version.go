package cli

import (
	"runtime"
	"runtime/debug"

	"github.com/slipway-ml/slipway/cmd/slipway/app"
)

// Version is the command slipway version.
type Version struct{}

// Run prints the version.
func (*Version) Run(s *Streams) error {
	commit := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
				commit = " (" + setting.Value[:12] + ")"
			}
		}
	}
	s.printf("slipway %s%s, %s, %s/%s", app.Version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}

package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// gitSchemes are those that can be allowed.
var gitSchemes = []string{"https", "ssh", "http"}

// Sources says what run: steps may fetch.
type Sources struct {
	GitAllowedSchemes []string `default:"https,ssh" env:"SLIPWAY_GIT_ALLOWED_SCHEMES" help:"Schemes of the repositories that run: steps work on: https, ssh, http."`
	AllowPrivateIPs   bool     `name:"sources-allow-private-ips" env:"SLIPWAY_SOURCES_ALLOW_PRIVATE_IPS" help:"Fetch repositories and packages from addresses that are not public, too (docs/sources.md)."`
	EnvironmentCache  int      `default:"10" env:"SLIPWAY_ENVIRONMENT_CACHE" help:"GiB of Python environments that are kept on this machine, with the packages that they are made of."`
	Environments      string   `kong:"-"` // their folder (default: in the data folder)
}

// fill gives what nobody set the standard.
func (s *Sources) fill(dataDir string) {
	if len(s.GitAllowedSchemes) == 0 {
		s.GitAllowedSchemes = []string{"https", "ssh"}
	}
	if s.EnvironmentCache == 0 {
		s.EnvironmentCache = 10
	}
	if s.Environments == "" {
		s.Environments = filepath.Join(dataDir, "cache", "python")
	}
}

func (s Sources) problems() (problems []error) {
	for _, scheme := range s.GitAllowedSchemes {
		if !slices.Contains(gitSchemes, scheme) {
			problems = append(problems, fmt.Errorf("--git-allowed-schemes %s: use %s", scheme, strings.Join(gitSchemes, ", ")))
		}
	}
	if s.EnvironmentCache < 0 {
		problems = append(problems, fmt.Errorf("--environment-cache %d: use 1 or more", s.EnvironmentCache))
	}
	return problems
}

package config

import (
	"fmt"
	"time"
)

// Connections holds how slow a caller may be.
type Connections struct {
	HeaderTimeout time.Duration `default:"10s" env:"SLIPWAY_HEADER_TIMEOUT" help:"Time that a request's headers have to arrive (docs/limits.md)."`
	StallTimeout  time.Duration `default:"1m" env:"SLIPWAY_STALL_TIMEOUT" help:"Longest pause of a body that is sent, or of an answer that is read; beside it a body comes at 1 KiB a second or more."`
	IdleTimeout   time.Duration `default:"2m" env:"SLIPWAY_IDLE_TIMEOUT" help:"Time after which a connection is closed that brings no request."`
}

// fill gives those the standard that nobody set.
func (c *Connections) fill() {
	for timeout, standard := range map[*time.Duration]time.Duration{&c.HeaderTimeout: 10 * time.Second, &c.StallTimeout: time.Minute, &c.IdleTimeout: 2 * time.Minute} {
		if *timeout == 0 {
			*timeout = standard
		}
	}
}

func (c Connections) problems() (problems []error) {
	for _, limit := range []struct {
		flag string
		time time.Duration
	}{{"header", c.HeaderTimeout}, {"stall", c.StallTimeout}, {"idle", c.IdleTimeout}} {
		if limit.time < 0 {
			problems = append(problems, fmt.Errorf("--%s-timeout %s: use more than 0", limit.flag, limit.time))
		}
	}
	return problems
}

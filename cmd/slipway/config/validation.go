package config

import (
	"fmt"
	"time"
)

// Validation bounds what a model may take while it is validated.
type Validation struct {
	Memory int64         `default:"0" env:"SLIPWAY_VALIDATION_MEMORY" help:"MiB that a model may hold in slipway-serve while it is validated, and a run: step (at most 8192); 0 is three quarters of what the machine or its container has."`
	Answer time.Duration `default:"2m" env:"SLIPWAY_VALIDATION_ANSWER" help:"Longest time that one answer of a model may take while it is validated."`
}

func (v Validation) problems() []error {
	var problems []error
	if v.Memory < 0 || v.Memory > 0 && v.Memory < 64 {
		problems = append(problems, fmt.Errorf("--validation-memory %d: use 64 MiB or more, or 0 for three quarters of the machine's", v.Memory))
	}
	if v.Answer != 0 && v.Answer < time.Second { // 0 is what the help says
		problems = append(problems, fmt.Errorf("--validation-answer %v: use 1s or more", v.Answer))
	}
	return problems
}

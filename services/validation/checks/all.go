package checks

import (
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// All lists the checks; a new one adds its line here.
func All() []validation.Check {
	return []validation.Check{
		Integrity{},
		Signature{},
		UnsafeCode{},
		ONNX{},
		Detection{},
		Classification{},
		Regression{},
		Drift{},
		Dataset{},
		Robustness{},
		Latency{},
		Skew{},
		Metrics{},
		Command{},
	}
}

// Declared gives what pipelines may write of the built-in ones.
func Declared() []pipeline.Check {
	var list []pipeline.Check
	for _, c := range All() {
		if d := c.Declare(); d.Name != validation.Command {
			list = append(list, d)
		}
	}
	return list
}

package checks

import "github.com/slipway-ml/slipway/services/validation"

// All lists the checks. A new one adds its line here, and its name and fields
// to the grammar of package pipeline.
func All() []validation.Check {
	return []validation.Check{
		Integrity{},
		UnsafeCode{},
		ONNX{},
		Detection{},
		Command{},
	}
}

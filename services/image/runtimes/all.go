package runtimes

// All lists the runtimes in the order in which auto tries them.
func All() []Runtime {
	return []Runtime{
		ONNX{},
	}
}

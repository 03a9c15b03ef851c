package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// brokenModelError is a model that does not load: its maker's business.
type brokenModelError struct {
	message string
	cause   error
}

func (e *brokenModelError) Error() string {
	if e.cause == nil {
		return e.message
	}
	return e.message + ": " + e.cause.Error()
}

func (e *brokenModelError) Unwrap() error { return e.cause }

// What ONNX Runtime says of a model it does not load. Its binding keeps only
// the text, and the text begins with places in its source.
var (
	maxIR    = regexp.MustCompile(`max supported IR version: (\d+)`)
	maxOpset = regexp.MustCompile(`Opset (\d+) is .*support for domain (\S+) is till opset (\d+)`)
	noise    = regexp.MustCompile(`^Load model from .*? failed:|Fatal error: |/onnxruntime_src/\S+ `)
)

// broken says in words what ONNX Runtime's error means, with the numbers of
// both sides.
func (s *session) broken(file string, err error) error {
	text := strings.TrimPrefix(err.Error(), "Error creating C session from file: ")
	if m := maxIR.FindStringSubmatch(text); m != nil {
		return &brokenModelError{message: fmt.Sprintf(
			"%s has IR version %d; %s reads up to %s: export it with an older onnx", file, s.info.IRVersion, s.runtime, m[1])}
	}
	if m := maxOpset.FindStringSubmatch(text); m != nil {
		return &brokenModelError{message: fmt.Sprintf(
			"%s needs opset %s of %s; %s has up to %s: export it for an older opset", file, m[1], m[2], s.runtime, m[3])}
	}
	words := "does not load in " + s.runtime
	switch {
	case strings.Contains(text, "not a registered function/op"):
		words = fmt.Sprintf("uses an operator that %s does not have (it imports the opsets %s)", s.runtime, s.info.OpsetWords())
	case strings.Contains(text, "Protobuf parsing failed"):
		words = "is cut off or damaged"
	case strings.Contains(text, "External data"):
		words = "keeps its weights in a file that is not there or not whole"
	}
	return &brokenModelError{message: file + " " + words, cause: errors.New(noise.ReplaceAllString(text, ""))}
}

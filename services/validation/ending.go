package validation

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// stopTime is how long slipway-serve may take to give up an inference whose
// time is over.
const stopTime = 30 * time.Second

// defaultAnswer bounds one answer where the settings do not.
const defaultAnswer = 2 * time.Minute

// What to do about a model that takes too much.
const (
	loadRemedy   = "export the model again, for this server's ONNX Runtime, and register the new version"
	memoryRemedy = "make the model smaller, or give validations more memory (--validation-memory of the server)"
	crashRemedy  = "run it in the same ONNX Runtime where it was made, and export it without what crashes there"
	slowRemedy   = "look for loops that do not end, or give an answer more time (--validation-answer of the server)"
)

// answerTime bounds one answer of a model. An endless one leaves the step time
// to say so.
func (s *Subject) answerTime() time.Duration {
	limit := s.Settings.Answer
	if limit <= 0 {
		limit = defaultAnswer
	}
	if half := s.Step.Timeout / 2; half > 0 && half < limit {
		return half
	}
	return limit
}

// serveMemory bounds what slipway-serve may hold: by default three quarters of
// what this machine, or its container, has.
func (s Settings) serveMemory() int64 {
	if s.ServeMemory > 0 {
		return s.ServeMemory
	}
	m := ReadMachine()
	if m.MemoryLimit > 0 && (m.Memory == 0 || m.MemoryLimit < m.Memory) {
		m.Memory = m.MemoryLimit
	}
	return m.Memory / 4 * 3
}

func endingWords(r deploy.RunResult) string {
	if r.Ending == deploy.EndedExit {
		return fmt.Sprintf("exit code %d", r.ExitCode)
	}
	return strings.TrimSpace(string(r.Ending) + " " + r.Detail)
}

// lastLines keeps the end of what a program wrote.
type lastLines struct{ text []byte }

// Write implements io.Writer.
func (l *lastLines) Write(p []byte) (int, error) {
	const keep = 256 << 10 // a crash is told first, and all that ran after it
	l.text = append(l.text, p...)
	if len(l.text) > keep {
		l.text = bytes.Clone(l.text[len(l.text)-keep:])
	}
	return len(p), nil
}

// said gives the reason that slipway-serve wrote as a line of JSON before it
// ended, and the line with which Go's runtime begins to tell of a crash.
func (l *lastLines) said() (reason, crash string) {
	lines := bufio.NewScanner(bytes.NewReader(l.text))
	for lines.Scan() {
		var line struct {
			Code    string `json:"error_code"`
			Message string `json:"message"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Code != "" {
			reason = line.Message
		}
		for _, start := range []string{"fatal error: ", "panic: ", "SIG"} {
			if crash == "" && strings.HasPrefix(lines.Text(), start) {
				crash = lines.Text()
			}
		}
	}
	return reason, crash
}

// crashes are the signals that a program brings upon itself.
var crashes = []syscall.Signal{syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP}

// doing tells what the model did, where the end of slipway-serve is its doing;
// nil where it is not.
func (l *lastLines) doing(r deploy.RunResult, when string) error {
	_, crash := l.said()
	crashed := r.Ending == deploy.EndedExit && r.ExitCode == exitCrashed ||
		r.Ending == deploy.EndedSignal && slices.ContainsFunc(crashes, func(s syscall.Signal) bool { return r.Detail == "crashed: "+s.String() })
	switch {
	case r.Ending == deploy.EndedMemory:
		return &BrokenError{Message: fmt.Sprintf("the model took too much memory %s: it %s", when, r.Detail), Remedy: memoryRemedy}
	case crashed && crash != "":
		return &BrokenError{Message: fmt.Sprintf("the model crashed slipway-serve %s: %s", when, crash), Remedy: crashRemedy}
	case crashed:
		return &BrokenError{Message: fmt.Sprintf("the model crashed slipway-serve %s: %s", when, endingWords(r)), Remedy: crashRemedy}
	}
	return nil
}

// blame says why slipway-serve ended before it served.
func (l *lastLines) blame(r deploy.RunResult) error {
	reason, _ := l.said()
	if r.Ending == deploy.EndedExit && r.ExitCode == exitBroken {
		return &BrokenError{Message: "the model does not load: " + reason, Remedy: loadRemedy}
	}
	if broken := l.doing(r, "while it was loaded"); broken != nil {
		return broken
	}
	if reason == "" {
		reason = "see the log"
	}
	return models.Errorf(models.KindInvalid, "slipway-serve ended before it served (%s): %s", endingWords(r), reason)
}

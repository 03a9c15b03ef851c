package checks

import (
	"strings"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// The exit codes of sh for a command that cannot be run.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// conclude tells how the command ended: what kept it from judging is an error,
// what it judged is a finding.
func conclude(command string, result deploy.RunResult, tests tally, report *models.Report) error {
	switch result.Ending {
	case deploy.EndedTimeout:
		return models.Errorf(models.KindInvalid, "the command was still running at its timeout, and was ended: %s", result.Detail)
	case deploy.EndedMemory, deploy.EndedProcesses, deploy.EndedDisk:
		return models.Errorf(models.KindInvalid, "the command was ended: it %s", result.Detail)
	case deploy.EndedSignal:
		return models.Errorf(models.KindInvalid, "the command crashed: %s", result.Detail)
	case deploy.EndedCancel:
		return models.Errorf(models.KindInvalid, "the command was ended: %s", result.Detail)
	case deploy.EndedExit:
	}
	pytest := strings.Contains(command, "pytest")
	switch code := result.ExitCode; {
	case code == exitNotFound || code == exitNotExecutable:
		return models.Errorf(models.KindInvalid, "the command cannot be run (exit code %d): see the log; PATH begins with --python's folder", code)
	case code > 128 && code < 128+65: // how sh tells of a signal
		return models.Errorf(models.KindInvalid, "the command crashed: signal %d", code-128)
	case tests.uncollected != "":
		return models.Errorf(models.KindInvalid, "pytest could not collect %s, so its tests did not run: the log has the error", tests.uncollected)
	case pytest && code > 1 && code <= 5: // whatever failed before it stopped
		return models.Errorf(models.KindInvalid, "pytest could not judge (exit code %d): %s", code, pytestWords[code])
	case code != 0 && tests.failures+tests.errors == 0:
		report.Findings = append(report.Findings, problem("command", "it ended with exit code %d", code))
	}
	return nil
}

// pytestWords are the meanings of pytest's exit codes but 0 and 1.
var pytestWords = map[int]string{
	2: "it was interrupted, or could not import the tests", 3: "an internal error", 4: "it was called wrongly", 5: "there were no tests",
}

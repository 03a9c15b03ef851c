package checks

import (
	"fmt"
	"syscall"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// maxDisk is what a command may write to its folders.
const maxDisk = 16 << 30

// diskOf is what a command may write below a folder: maxDisk, and no more than
// half of what is free there, which others need, too.
func diskOf(dir string) int64 {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return maxDisk
	}
	return min(maxDisk, int64(disk.Bavail)*disk.Bsize/2)
}

// tellLacks says in the report, and in the log, what the command was not kept
// from where it ran.
func tellLacks(s *validation.Subject, runner deploy.Runner, report *models.Report) {
	for _, lack := range runner.Lacks() {
		_, _ = fmt.Fprintf(s.Log, "isolation: %s\n", lack)
		report.Findings = append(report.Findings, models.Finding{
			Severity: models.SeverityInfo, Where: "isolation", Message: lack, Remedy: "docs/isolation.md tells what gives the rest",
		})
	}
}

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/slipway-ml/slipway/openapi/client"
)

// Verify is the command slipway verify.
type Verify struct {
	Remote
	Model   string `arg:"" optional:"" help:"The registered model; all of them without."`
	Version int64  `arg:"" optional:"" help:"The version; all of the model without."`
	Output  string `short:"o" default:"text" enum:"text,json" help:"Form of the report: text or json."`
}

// Help tells more.
func (*Verify) Help() string {
	return `Reads every file of the versions' manifests again, on the server, and tells each
that is missing or changed, and what stands beside a version's files and is none
of them. Fails where files are missing or changed, or could not be read.

It is a job: interrupting this command does not stop it, and a server that is
killed goes on with it. Asking again while it runs joins it.`
}

// Run verifies.
func (v *Verify) Run(ctx context.Context, s *Streams) error {
	api, err := v.api()
	if err != nil {
		return err
	}
	found, err := answer[client.Verification](api.CreateVerification(ctx, &client.CreateVerificationParams{IdempotencyKey: once()},
		client.VerificationRequest{Model: v.Model, Version: v.Version}))
	if err != nil {
		return err
	}
	bar := newProgress(s.Err)
	for found.State == client.VerificationStatePending || found.State == client.VerificationStateRunning {
		if found, err = answer[client.Verification](api.GetVerification(ctx, found.Id, &client.GetVerificationParams{Wait: set("2s")})); err != nil {
			return err
		}
		bar.show("verify", found.Progress.Done, found.Progress.Total, found.Progress.Unit)
	}
	bar.clear()
	if v.Output == "json" {
		text, err := json.MarshalIndent(found, "", "  ")
		if err != nil {
			return err
		}
		s.printf("%s", text)
	} else {
		v.tell(s, found)
	}
	if found.State != client.VerificationStatePassed {
		return fmt.Errorf("verification %d: %s", found.Id, found.Reason)
	}
	return nil
}

func (v *Verify) tell(s *Streams, found client.Verification) {
	if len(found.Findings) > 0 {
		rows := [][]string{{"MODEL", "VERSION", "FILE", "WHAT"}}
		for _, f := range found.Findings {
			rows = append(rows, []string{f.Model, strconv.FormatInt(f.Version, 10), f.Path, string(f.Kind)})
		}
		table(s.Out, rows)
		if more := found.MissingFiles + found.ChangedFiles + found.ExtraFiles - int64(len(found.Findings)); more > 0 {
			s.printf("and %d more", more)
		}
	}
	s.printf("%d files of %d versions, %d bytes: %d missing, %d changed, %d beside them",
		found.Files, found.Versions, found.Bytes, found.MissingFiles, found.ChangedFiles, found.ExtraFiles)
	if found.SkippedVersions > 0 {
		s.printf("%d versions have no manifest: they are being hashed, or lie outside the artifact store", found.SkippedVersions)
	}
}

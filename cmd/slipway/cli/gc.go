package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/slipway-ml/slipway/openapi/client"
)

// GC is the command slipway gc.
type GC struct {
	Remote
	OlderThan string `default:"30d" help:"How long ago something must have been deleted, such as 30d or 12h. What was deleted later can still be restored."`
	DryRun    bool   `help:"Only tell what would be removed."`
	Output    string `short:"o" default:"text" enum:"text,json" help:"Form of the report: text or json."`
}

// Help tells more.
func (*GC) Help() string {
	return `Removes, on the server and while it is running, runs, experiments, logged
models, versions and registered models that were deleted longer ago than
--older-than, with their files; images that no release can come back to; data
sets that were never committed; and files that nothing refers to. The names of
removed experiments are free again.

What a version's manifest cites, what a release that is live, warm or can be
rolled back to needs, and committed data sets are never removed.

Ask with --dry-run first. A gc that was killed goes on by itself when the server
is up again; interrupting this command does not stop it.`
}

// Run collects.
func (g *GC) Run(ctx context.Context, s *Streams) error {
	api, err := g.api()
	if err != nil {
		return err
	}
	gc, err := answer[client.GC](api.StartGC(ctx, &client.StartGCParams{IdempotencyKey: once()}, client.GCRequest{OlderThan: g.OlderThan, DryRun: g.DryRun}))
	if err != nil {
		return err
	}
	bar := newProgress(s.Err)
	for gc.State == client.GCStatePending || gc.State == client.GCStateRunning {
		if gc, err = answer[client.GC](api.GetGC(ctx, gc.Id, &client.GetGCParams{Wait: set("2s")})); err != nil {
			return err
		}
		bar.show("gc", gc.Progress.Done, max(gc.Progress.Done, gc.Progress.Total), gc.Progress.Unit)
	}
	bar.clear()
	if err := g.tell(s, gc); err != nil {
		return err
	}
	if gc.State == client.GCStateFailed {
		return fmt.Errorf("gc %d: %s", gc.Id, gc.Reason)
	}
	return nil
}

func (g *GC) tell(s *Streams, gc client.GC) error {
	if g.Output == "json" {
		text, err := json.MarshalIndent(gc, "", "  ")
		if err == nil {
			s.printf("%s", text)
		}
		return err
	}
	did, nothing := "removed", "there was nothing to remove"
	if gc.DryRun {
		did, nothing = "would be removed", "there is nothing to remove"
	}
	if len(gc.Totals) == 0 {
		s.printf("%s", nothing)
	} else {
		if gc.DryRun {
			rows := [][]string{{"WHAT", "ID", "NAME", "FILES", "BYTES"}}
			for _, i := range gc.Items {
				rows = append(rows, []string{i.Kind, or(i.Id, "-"), or(i.Name, "-"), strconv.FormatInt(i.Files, 10), strconv.FormatInt(i.Bytes, 10)})
			}
			table(s.Out, rows)
			if gc.More > 0 {
				s.printf("and %d more", gc.More)
			}
		}
		for _, t := range gc.Totals {
			s.printf("%s: %d %s, %d files, %d bytes", t.Kind, t.Count, did, t.Files, t.Bytes)
		}
	}
	if gc.MissingFiles > 0 {
		s.printf("%d files were gone already", gc.MissingFiles)
	}
	if gc.HeldFiles > 0 {
		s.printf("%d files stay: versions cite them", gc.HeldFiles)
	}
	return nil
}

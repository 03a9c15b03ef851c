package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/openapi/client"
)

// DatasetShow is the command slipway dataset show.
type DatasetShow struct {
	Remote
	Name     string `arg:"" optional:"" help:"A data set, or NAME@VERSION; all data sets by default."`
	Examples int    `default:"5" help:"Examples shown of each finding, 100 at most."`
}

// Run shows.
func (d *DatasetShow) Run(ctx context.Context, s *Streams) error {
	api, err := d.api()
	switch {
	case err != nil:
		return err
	case d.Name == "":
		return d.all(ctx, api, s)
	case strings.Contains(d.Name, "@"):
		name, number, err := datasetVersion(ctx, api, d.Name)
		if err != nil {
			return err
		}
		version, err := answer[client.DatasetVersion](api.GetDatasetVersion(ctx, name, number))
		if err == nil {
			d.version(s, version)
		}
		return err
	}
	return d.versions(ctx, api, s)
}

func (d *DatasetShow) all(ctx context.Context, api *client.Client, s *Streams) error {
	list, err := answer[client.DatasetList](api.ListDatasets(ctx, &client.ListDatasetsParams{MaxResults: set(1000)}))
	if err != nil {
		return err
	}
	rows := [][]string{{"NAME", "TASK", "FORMAT", "LATEST", "CREATED", "DESCRIPTION"}}
	for _, each := range list.Items {
		latest := "-"
		if each.LatestVersion != 0 {
			latest = strconv.FormatInt(each.LatestVersion, 10)
		}
		rows = append(rows, []string{
			each.Name, or(string(each.Task), "-"), or(string(each.Format), "-"), latest, moment(each.CreatedAt), oneLine(each.Description),
		})
	}
	table(s.Out, rows)
	return nil
}

func (d *DatasetShow) versions(ctx context.Context, api *client.Client, s *Streams) error {
	list, err := answer[client.DatasetVersionList](api.ListDatasetVersions(ctx, d.Name, &client.ListDatasetVersionsParams{}))
	if err != nil {
		return err
	}
	rows := [][]string{{"VERSION", "STATE", "FORMAT", "IMAGES", "BOXES", "BACKGROUNDS", "CLASSES", "FILES", "SIZE", "DIGEST"}}
	for _, v := range list.Items {
		rows = append(rows, []string{
			strconv.FormatInt(v.Version, 10), string(v.State), or(string(v.Format), "-"), strconv.FormatInt(v.Images, 10), strconv.FormatInt(v.Boxes, 10),
			strconv.FormatInt(v.Backgrounds, 10), or(strings.Join(v.Classes, ","), "-"), strconv.FormatInt(v.Files, 10), size(v.SizeBytes), v.Digest,
		})
	}
	table(s.Out, rows)
	return nil
}

// version shows what a version holds and what is odd about it.
func (d *DatasetShow) version(s *Streams, v client.DatasetVersion) {
	s.printf("%s@%d  %s  %s  %d files  %s", v.Name, v.Version, v.State, or(string(v.Format), "-"), v.Files, v.Digest)
	if v.State != client.DatasetVersionStateCommitted {
		s.printf("%d files are missing: push it again to finish", len(v.Missing))
		return
	}
	s.printf("%s", inShort(v))
	sum := v.Summary
	if len(sum.Columns) > 0 {
		s.printf("")
		table(s.Out, columnRows(sum.Columns))
	}
	if len(sum.Classes) > 0 {
		rows := [][]string{{"CLASS", "IMAGES", "BOXES"}}
		for _, c := range sum.Classes {
			rows = append(rows, []string{oneLine(c.Name), strconv.FormatInt(c.Images, 10), strconv.FormatInt(c.Boxes, 10)})
		}
		s.printf("")
		table(s.Out, rows)
	}
	if len(sum.Tags) > 0 {
		rows := [][]string{{"TAG", "IMAGES"}}
		for _, t := range sum.Tags {
			rows = append(rows, []string{t.Tag, strconv.FormatInt(t.Images, 10)})
		}
		s.printf("")
		table(s.Out, rows)
	}
	for _, f := range sum.Findings {
		s.printf("")
		s.printf("%s", findingLine(f))
		for i, e := range f.Examples {
			if i >= d.Examples {
				s.printf("    … and %d more", f.Count-int64(i))
				break
			}
			s.printf("    %s", strings.TrimSuffix(e.Where+": "+oneLine(e.Message), ": "))
		}
		if f.Remedy != "" {
			s.printf("    → %s", f.Remedy)
		}
	}
}

func columnRows(columns []client.DatasetColumn) [][]string {
	rows := [][]string{{"COLUMN", "TYPE", "MISSING", "RANGE", "EXAMPLES"}}
	for _, c := range columns {
		between := ""
		if c.Min != nil && c.Max != nil {
			between = fmt.Sprintf("%g to %g", *c.Min, *c.Max)
		}
		rows = append(rows, []string{oneLine(c.Name), string(c.Type), strconv.FormatInt(c.Missing, 10), between, oneLine(strings.Join(c.Examples, ", "))})
	}
	return rows
}

// inShort says in a line what a version holds.
func inShort(v client.DatasetVersion) string {
	switch v.Task {
	case client.DatasetTaskTable:
		return fmt.Sprintf("%d rows, %d columns, %s", v.Summary.Rows, len(v.Summary.Columns), size(v.SizeBytes))
	case client.DatasetTaskClassification:
		return fmt.Sprintf("%d images, %d classes, %s", v.Images, len(v.Classes), size(v.SizeBytes))
	default:
		return fmt.Sprintf("%d images, %d boxes, %d classes, %d backgrounds, %s", v.Images, v.Boxes, len(v.Classes), v.Backgrounds, size(v.SizeBytes))
	}
}

func findingLine(f client.DatasetFinding) string {
	return fmt.Sprintf("%s: %d %s", f.Severity, f.Count, f.Message)
}

package v1

import (
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/openapi/server"
)

func wireDatasetSummary(s models.DatasetContents) server.DatasetSummary {
	wire := server.DatasetSummary{Rows: s.Rows, Crowds: s.Crowds, Findings: []server.DatasetFinding{}}
	for _, c := range s.Classes {
		wire.Classes = append(wire.Classes, server.DatasetClass{Name: c.Name, Images: c.Images, Boxes: c.Boxes})
	}
	for _, t := range s.Tags {
		wire.Tags = append(wire.Tags, server.DatasetTag{Tag: t.Tag, Images: t.Images})
	}
	for _, c := range s.Columns {
		wire.Columns = append(wire.Columns, server.DatasetColumn{
			Name: c.Name, Type: server.DatasetColumnType(c.Type), Missing: c.Missing, Min: c.Min, Max: c.Max, Examples: c.Examples,
		})
	}
	for _, f := range s.Findings {
		finding := server.DatasetFinding{
			Rule: f.Rule, Severity: server.DatasetFindingSeverity(f.Severity), Message: f.Message, Remedy: f.Remedy, Count: f.Count,
		}
		for _, e := range f.Examples {
			finding.Examples = append(finding.Examples, server.DatasetExample{Where: e.Field, Message: e.Message})
		}
		wire.Findings = append(wire.Findings, finding)
	}
	return wire
}

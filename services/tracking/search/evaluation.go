package search

import "github.com/slipway-ml/slipway/models"

// EvaluationDatasets is the vocabulary of evaluation datasets.
func EvaluationDatasets() Vocabulary {
	text, number := Attribute{Text, texts}, Attribute{Number, numbers}
	return Vocabulary{
		Attributes: map[string]Attribute{
			"name": {Text, all(texts, lists)}, "created_by": text, "last_updated_by": text,
			"created_time": number, "last_update_time": number,
		},
		Entities: entities([]string{"attribute", "attributes"}, map[models.Entity][]string{models.EntityTag: {"tag", "tags"}}),
		Tags:     texts,
		Sortable: []string{"name", "created_time", "last_update_time"},
	}
}

// Issues is the vocabulary of issues.
func Issues() Vocabulary {
	text := Attribute{Text, []models.Op{models.OpEqual, models.OpNotEqual}}
	return Vocabulary{
		Attributes: map[string]Attribute{"status": text, "source_run_id": text},
		Entities:   entities([]string{"attribute", "attributes"}, nil),
	}
}

package search

import (
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// Traces is the vocabulary of traces.
func Traces() Vocabulary {
	text, number := Attribute{Text, all(texts, lists, regexps)}, Attribute{Number, numbers}
	mark := Attribute{Text, all(texts, lists, regexps, nulls)} // a tag or metadata in truth
	return Vocabulary{
		Attributes: map[string]Attribute{
			"request_id": text, "status": text, "client_request_id": text, "name": mark, "run_id": mark,
			"timestamp_ms": number, "execution_time_ms": number, "end_time_ms": number,
			"prompt": {Text, equal}, "text": {Text, likes},
		},
		Aliases: map[string]string{"timestamp": "timestamp_ms", "execution_time": "execution_time_ms", "end_time": "end_time_ms"},
		Entities: entities([]string{"attribute", "attributes", "trace"}, map[models.Entity][]string{
			models.EntityTag: {"tag", "tags"}, models.EntityMetadata: {"metadata", "request_metadata"}, models.EntitySpan: {"span"},
			models.EntityFeedback: {"feedback"}, models.EntityExpectation: {"expectation"}, models.EntityIssue: {"issue"},
		}),
		Tags:       all(texts, regexps, nulls),
		Sortable:   []string{"experiment_id", "timestamp_ms", "execution_time_ms", "end_time_ms", "status", "request_id", "name", "run_id"},
		SortableBy: []models.Entity{models.EntityTag, models.EntityMetadata},
	}
}

// TraceMetrics is the vocabulary of what metrics of traces count.
func TraceMetrics() Vocabulary {
	return Vocabulary{
		Attributes: map[string]Attribute{"status": {Text, equal}},
		Entities: entities([]string{"trace"}, map[models.Entity][]string{
			models.EntitySpan: {"span"}, models.EntityAssessment: {"assessment"},
		}),
		Inner: map[string]models.Entity{"tag": models.EntityTag, "metadata": models.EntityMetadata},
		Tags:  equal,
	}
}

// ofTrace finds how what belongs to a trace is compared.
func ofTrace(entity models.Entity, key string) (rule Attribute, wrong string) {
	switch entity {
	case models.EntityFeedback, models.EntityExpectation:
		return Attribute{Graded, all(numbers, likes, regexps, nulls)}, ""
	case models.EntityIssue:
		if key != "id" {
			return rule, "Invalid issue attribute '" + key + "'. Supported attributes: id"
		}
		return Attribute{Text, equal}, ""
	case models.EntityAssessment:
		if key != "name" && key != "type" {
			return rule, "Invalid entity '" + key + "' of an assessment. Valid entities are name, type"
		}
		return Attribute{Text, equal}, ""
	default: // a span
	}
	switch name, isAttribute := strings.CutPrefix(key, "attributes."); {
	case isAttribute && name == "":
		return rule, "Span attribute name cannot be empty after 'attributes.'"
	case isAttribute, key == "name", key == "type", key == "status":
		return Attribute{Text, all(texts, lists, regexps)}, ""
	case key == "content":
		return Attribute{Text, likes}, ""
	}
	return rule, "Invalid span attribute '" + key + "'. Supported attributes: name, status, type, content, attributes.<attribute_name>."
}

package search

import (
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// Kind is the kind of value that an attribute has.
type Kind int

// The kinds.
const (
	Text      Kind = iota
	Number         // bare
	Numberish      // bare, or quoted as old clients do
	Integer        // quoted digits: an id that is a number
	Graded         // quoted, or bare where it is compared by size
)

// Attribute is a rule: the kind of its value, and how it may be compared.
type Attribute struct {
	Kind Kind
	Ops  []models.Op
}

// Vocabulary is what the filters and orderings of one noun may name.
type Vocabulary struct {
	Attributes map[string]Attribute // by canonical name
	Aliases    map[string]string    // of attributes and of what orderings call them
	Entities   map[string]models.Entity
	Tags       []models.Op // comparisons of tags and params
	Sortable   []string    // attributes to order by
	SortableBy []models.Entity
	Upper      bool                     // comparisons of words are written in upper case
	Inner      map[string]models.Entity // what stands behind the attribute's prefix and one of its own
}

var (
	numbers = []models.Op{models.OpEqual, models.OpNotEqual, models.OpGreater, models.OpGreaterEqual, models.OpLess, models.OpLessEqual}
	texts   = []models.Op{models.OpEqual, models.OpNotEqual, models.OpLike, models.OpILike}
	lists   = []models.Op{models.OpIn, models.OpNotIn}
	nulls   = []models.Op{models.OpIsNull, models.OpIsNotNull}
	regexps = []models.Op{models.OpRLike}
	equal   = []models.Op{models.OpEqual}
	likes   = []models.Op{models.OpLike, models.OpILike}
)

func all(sets ...[]models.Op) []models.Op { return slices.Concat(sets...) }

// entities maps prefixes to what they mean.
func entities(attribute []string, others map[models.Entity][]string) map[string]models.Entity {
	m := map[string]models.Entity{}
	for _, name := range attribute {
		m[name] = models.EntityAttribute
	}
	for entity, names := range others {
		for _, name := range names {
			m[name] = entity
		}
	}
	return m
}

// Runs is the vocabulary of runs.
func Runs() Vocabulary {
	text, number := Attribute{Text, texts}, Attribute{Number, numbers}
	return Vocabulary{
		Attributes: map[string]Attribute{
			"run_id": {Text, all(texts, lists)}, "run_name": text, "status": text, "user_id": text, "artifact_uri": text,
			"lifecycle_stage": text, "start_time": number, "end_time": number,
		},
		Aliases: map[string]string{
			"created": "start_time", "Created": "start_time",
			"run name": "run_name", "Run name": "run_name", "Run Name": "run_name",
		},
		Entities: entities([]string{"attribute", "attributes", "attr", "run"}, map[models.Entity][]string{
			models.EntityMetric: {"metric", "metrics"}, models.EntityParam: {"param", "params", "parameter", "parameters"},
			models.EntityTag: {"tag", "tags"}, models.EntityDataset: {"dataset", "datasets"},
		}),
		Tags:       all(texts, nulls),
		Sortable:   []string{"run_id", "run_name", "status", "user_id", "artifact_uri", "start_time", "end_time"},
		SortableBy: []models.Entity{models.EntityMetric, models.EntityParam, models.EntityTag},
	}
}

// Experiments is the vocabulary of experiments.
func Experiments() Vocabulary {
	return Vocabulary{
		Attributes: map[string]Attribute{
			"name":          {Text, texts},
			"experiment_id": {Integer, all([]models.Op{models.OpEqual, models.OpNotEqual}, lists)},
			"creation_time": {Number, numbers}, "last_update_time": {Number, numbers},
		},
		Entities: entities([]string{"attribute", "attributes", "attr"}, map[models.Entity][]string{models.EntityTag: {"tag", "tags"}}),
		Tags:     all(texts, nulls),
		Sortable: []string{"name", "experiment_id", "creation_time", "last_update_time"},
		Upper:    true,
	}
}

// LoggedModels is the vocabulary of logged models.
func LoggedModels() Vocabulary {
	text, number := Attribute{Text, all(texts, lists)}, Attribute{Number, numbers}
	return Vocabulary{
		Attributes: map[string]Attribute{
			"name": text, "model_id": text, "model_type": text, "status": text, "source_run_id": text,
			"creation_timestamp": number, "last_updated_timestamp": number,
		},
		Aliases: map[string]string{"creation_time": "creation_timestamp", "last_updated_time": "last_updated_timestamp"},
		Entities: entities([]string{"attribute", "attributes"}, map[models.Entity][]string{
			models.EntityMetric: {"metric", "metrics"}, models.EntityParam: {"param", "params"}, models.EntityTag: {"tag", "tags"},
		}),
		Tags:       all(texts, nulls),
		Sortable:   []string{"name", "model_id", "model_type", "status", "source_run_id", "creation_timestamp", "last_updated_timestamp"},
		SortableBy: []models.Entity{models.EntityMetric},
	}
}

// RegisteredModels is the vocabulary of registered models.
func RegisteredModels() Vocabulary {
	return Vocabulary{
		Attributes: map[string]Attribute{"name": {Text, all(texts, lists)}},
		Aliases:    map[string]string{"timestamp": "last_updated_timestamp"},
		Entities:   entities([]string{"attribute", "attributes"}, map[models.Entity][]string{models.EntityTag: {"tag", "tags"}}),
		Tags:       texts,
		Sortable:   []string{"name", "creation_timestamp", "last_updated_timestamp"},
	}
}

// ModelVersions is the vocabulary of model versions.
func ModelVersions() Vocabulary {
	return Vocabulary{
		Attributes: map[string]Attribute{
			"name": {Text, all(texts, lists)}, "run_id": {Text, all(texts, lists)}, "source_path": {Text, texts},
			"version_number": {Numberish, numbers},
		},
		Entities: entities([]string{"attribute", "attributes"}, map[models.Entity][]string{models.EntityTag: {"tag", "tags"}}),
		Tags:     texts,
		Sortable: []string{"name", "version_number", "creation_timestamp", "last_updated_timestamp"},
	}
}

// rule finds how an entity's key is compared, or tells which keys there are.
func (v Vocabulary) rule(entity models.Entity, key string) (rule Attribute, wrong string) {
	switch entity {
	case models.EntityMetric:
		return Attribute{Number, numbers}, ""
	case models.EntityParam, models.EntityTag, models.EntityMetadata:
		return Attribute{Text, v.Tags}, ""
	case models.EntitySpan, models.EntityFeedback, models.EntityExpectation, models.EntityIssue, models.EntityAssessment:
		return ofTrace(entity, key)
	case models.EntityDataset:
		if !slices.Contains([]string{"name", "digest", "context"}, key) {
			return Attribute{}, "Invalid dataset key '" + key + "' specified. Valid keys are name, digest, context"
		}
		return Attribute{Text, all(texts, lists)}, ""
	default:
		rule, ok := v.Attributes[key]
		if !ok {
			return rule, unknownKey(key, sortedKeys(v.Attributes))
		}
		return rule, ""
	}
}

func unknownKey(key string, known []string) string {
	return "Invalid attribute key '" + key + "' specified. Valid keys are " + strings.Join(known, ", ")
}

func (v Vocabulary) canonical(key string) string {
	if name, ok := v.Aliases[key]; ok {
		return name
	}
	return key
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func opNames(ops []models.Op) string {
	names := make([]string, len(ops))
	for i, op := range ops {
		names[i] = string(op)
	}
	return strings.Join(names, ", ")
}

package search

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func attribute(key string, op models.Op, text string) models.Condition {
	return models.Condition{Entity: models.EntityAttribute, Key: key, Op: op, Text: text}
}

func TestFilterReads(t *testing.T) {
	t.Parallel()
	metric := func(key string, op models.Op, n float64) models.Condition {
		return models.Condition{Entity: models.EntityMetric, Key: key, Op: op, Number: n, Numeric: true}
	}
	for text, want := range map[string][]models.Condition{
		"":                                    nil,
		"  ":                                  nil,
		"metrics.acc > 0.5":                   {metric("acc", models.OpGreater, 0.5)},
		"metric.a.b<=-1.5e-3":                 {metric("a.b", models.OpLessEqual, -1.5e-3)},
		"metrics.`avg model score` > .5":      {metric("avg model score", models.OpGreater, .5)},
		`metrics."avg model score" > 0.5`:     {metric("avg model score", models.OpGreater, 0.5)},
		"metrics.'p' != 1":                    {metric("p", models.OpNotEqual, 1)},
		`params.q = "it's"`:                   {{Entity: models.EntityParam, Key: "q", Op: models.OpEqual, Text: "it's"}},
		`params.q = 'it''s'`:                  {{Entity: models.EntityParam, Key: "q", Op: models.OpEqual, Text: "it's"}},
		"tags.x LIKE '%a_'":                   {{Entity: models.EntityTag, Key: "x", Op: models.OpLike, Text: "%a_"}},
		"tag.x is not null":                   {{Entity: models.EntityTag, Key: "x", Op: models.OpIsNotNull}},
		"status = 'FINISHED'":                 {attribute("status", models.OpEqual, "FINISHED")},
		"attributes.status = 'FINISHED' AND":  {attribute("status", models.OpEqual, "FINISHED")},
		"Run name ilike 'A%'":                 {attribute("run_name", models.OpILike, "A%")},
		"attr.`Run Name` = 'a'":               {attribute("run_name", models.OpEqual, "a")},
		"run.Created > 5":                     {{Entity: models.EntityAttribute, Key: "start_time", Op: models.OpGreater, Number: 5, Numeric: true}},
		"run_id not in ('a','b')":             {{Entity: models.EntityAttribute, Key: "run_id", Op: models.OpNotIn, List: []string{"a", "b"}}},
		"datasets.name = 'd' and metrics.m=1": {{Entity: models.EntityDataset, Key: "name", Op: models.OpEqual, Text: "d"}, metric("m", models.OpEqual, 1)},
		"params.größe = 'x'":                  {{Entity: models.EntityParam, Key: "größe", Op: models.OpEqual, Text: "x"}},
	} {
		got, err := Runs().Filter(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestFilterRefusesAndSaysWhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"params.q = 'it":                        "quote ' at character 12 is never closed",
		"metrics.m-1.x > 0.5":                   "at character 10",
		"metrics.m-1.x > 1":                     "metrics.`m-1.x`",
		"tags.a/b = 'x'":                        "tags.`a/b`",
		"metrics.m = '5'":                       "Expected a number for metric 'm'",
		"metrics.m > 1 OR metrics.n > 1":        "at character 15 ('OR metrics.n > 1')",
		"NOT metrics.m > 1":                     "",
		"(metrics.m > 1)":                       "Invalid clause(s) in filter string",
		"params.p = 5":                          "Expected a quoted string value",
		"params.p = five":                       "Expected a quoted string value",
		"params.p RLIKE 'x'":                    "Invalid comparator 'RLIKE' for param 'p'; use one of =, !=, LIKE, ILIKE, IS NULL, IS NOT NULL",
		"params.p > 'x'":                        "Invalid comparator '>'",
		"status IN ('a')":                       "Invalid comparator 'IN'",
		"run_id IN ()":                          "list of quoted strings",
		"run_id IN (1)":                         "list of quoted strings",
		"run_id IN ('a'":                        "list of quoted strings",
		"speed = 'x'":                           "Invalid attribute key 'speed' specified. Valid keys are artifact_uri",
		"datasets.size = 'x'":                   "Invalid dataset key 'size'",
		"thing.x = 'x'":                         "Invalid entity type 'thing'",
		"metrics. > 1":                          "a key is missing",
		"metrics.m >":                           "at its end",
		"metrics.m":                             "expected a comparator",
		"metrics.m => 1":                        "expected a comparator",
		"metrics.m = 0x1F":                      "Expected a number",
		"a = 'b' AND speed = 'x'":               "at character 1",
		"status = 'b' AND speed = 'x'":          "at character 18 ('speed = 'x''): Invalid attribute key 'speed'",
		"metrics.m = 1; DROP TABLE run":         "at character 14",
		strings.Repeat("metrics.m=1 AND ", 101): "at most 100 clauses",
		strings.Repeat("x", 40_000):             "longer than",
	} {
		_, err := Runs().Filter(text)
		require.ErrorContains(t, err, want, text)
		require.True(t, models.IsKind(err, models.KindInvalid), text)
	}
}

func TestOrderReads(t *testing.T) {
	t.Parallel()
	start := models.Order{Entity: models.EntityAttribute, Key: "start_time", Desc: true}
	for _, term := range []string{"start_time DESC", "attribute.start_time DESC", "attributes.start_time desc", "`attribute`.`start_time` DESC", "Created  DESC"} {
		got, err := Runs().Order([]string{term})
		require.NoError(t, err, term)
		require.Equal(t, []models.Order{start}, got, term)
	}
	_, err := Runs().Order([]string{"start_time", "Created DESC"})
	require.ErrorContains(t, err, "`order_by` contains duplicate fields")
	got, err := Runs().Order([]string{`metrics."a b" ASC`, "params.x", "tags.y"})
	require.NoError(t, err)
	require.Equal(t, []models.Order{
		{Entity: models.EntityMetric, Key: "a b"},
		{Entity: models.EntityParam, Key: "x"},
		{Entity: models.EntityTag, Key: "y"},
	}, got)
	for term, want := range map[string]string{
		"metrics": "Valid keys are run_id, run_name", "start_time DOWN": "expected ASC, DESC", "": "expected a key", "datasets.name": "not possible",
	} {
		_, err := Runs().Order([]string{term})
		require.ErrorContains(t, err, want)
		require.True(t, models.IsKind(err, models.KindInvalid))
	}
}

func TestFieldOfALoggedModel(t *testing.T) {
	t.Parallel()
	got, err := LoggedModels().Field("metrics.a b/c", true)
	require.NoError(t, err)
	require.Equal(t, models.Order{Entity: models.EntityMetric, Key: "a b/c", Desc: true}, got)
	_, err = LoggedModels().Field("params.x", false)
	require.Error(t, err)
}

func TestVersionNumbersMayBeQuoted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"version_number = 3", "version_number = '3'"} {
		got, err := ModelVersions().Filter(text)
		require.NoError(t, err)
		require.InDelta(t, 3, got[0].Number, 0)
	}
}

func TestPageTokens(t *testing.T) {
	t.Parallel()
	at := models.Position{"i5", "tabc", "-"}
	var q models.Search
	require.NoError(t, Begin(&q, Token(at, "a"), "a"))
	require.Equal(t, at, q.After)
	require.Empty(t, Token(nil, "a"))
	for _, bad := range []string{"rubbish", "e30=", "eyJvZmZzZXQiOiAtMX0=", Token(at, "another"), Token(at, "")} {
		require.ErrorContains(t, Begin(&q, bad, "a"), "Invalid page token")
	}
	q = models.Search{}
	require.NoError(t, Begin(&q, "eyJvZmZzZXQiOiA1fQ==", "a"), "as MLflow writes it")
	require.Equal(t, 5, q.Offset)
}

func FuzzFilter(f *testing.F) {
	f.Add("metrics.`a b` > 0.5 AND params.q = \"it's\"")
	f.Add("run_id NOT IN ('a', 'b')")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Runs().Filter(text)
		require.True(t, err == nil || models.IsKind(err, models.KindInvalid))
	})
}

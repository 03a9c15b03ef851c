package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the running upstream server (3.17.2) answered to some thousand filters
// and orders over the same data, brought down to a row a rule. An answer with a
// blank in it is words of the refusal; others are the names that are found.
type searchCase struct{ filter, order, want string }

func (m mlflow) searches(path, list string, name func(object) string, base object, cases []searchCase) {
	m.t.Helper()
	for _, tc := range cases {
		body := object{"filter": tc.filter, "max_results": 100}
		if tc.order != "" {
			body["order_by"] = strings.Split(tc.order, ";")
		}
		for key, value := range base {
			body[key] = value
		}
		about := fmt.Sprintf("%s %q %q", path, tc.filter, tc.order)
		if strings.Contains(tc.want, " ") {
			r := m.Do("POST", a2+path, body)
			if r.Status == 404 || r.Status == 405 { // the registry searches by GET
				r = m.Do("GET", a2+path, body)
			}
			require.Equal(m.t, 400, r.Status, about)
			require.Contains(m.t, string(r.Body), tc.want, about)
			continue
		}
		method := "POST"
		if strings.HasPrefix(path, "registered") || strings.HasPrefix(path, "model-v") {
			method = "GET"
		}
		found, _ := m.OK(method, a2+path, body)[list].([]any)
		names := make([]string, len(found))
		for i, one := range found {
			names[i] = name(one.(object))
		}
		require.Equal(m.t, tc.want, strings.Join(names, ","), about)
	}
}

func nameOf(o object) string { return o["name"].(string) }

func TestSearchLanguageOfRuns(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	experiment := m.experiment("language")
	ids := map[string]string{}
	for i, name := range []string{"Ab", "ab", "a_", "100%", "it's"} {
		run := m.post("runs/create", object{"experiment_id": experiment, "run_name": name, "start_time": 1000 + i, "user_id": "U" + fmt.Sprint(i%2)})["run"].(object)["info"].(object)["run_id"].(string)
		ids[name] = run
		batch := object{"run_id": run, "params": []object{{"key": "p", "value": name}}}
		if value := []any{"NaN", 0, "Infinity", -1e-7, nil}[i]; value != nil {
			batch["metrics"] = []object{{"key": "m", "value": value, "timestamp": 1}}
		}
		m.post("runs/log-batch", batch)
	}
	name := func(o object) string { return o["info"].(object)["run_name"].(string) }
	m.searches("runs/search", "runs", name, object{"experiment_ids": []string{experiment}}, []searchCase{
		{"metrics.m != 0", "", "100%,a_,Ab"}, // NaN is unequal to all
		{"metrics.m != 5", "", "100%,a_,ab,Ab"},
		{"metrics.m = 0", "", "ab"},
		{"metrics.m >= 0", "", "a_,ab"},
		{"metrics.m > 1e300", "", "a_"},
		{"metrics.m < 1e400", "", "100%,a_,ab"}, // an infinity is stored as the greatest number
		{"metrics.m < -.5e-8", "", "100%"},
		{"metrics.m > -1E-6 and metrics.m < +1", "", "100%,ab"},
		{"", "metrics.m", "100%,ab,a_,Ab,it's"},
		{"", "metrics.m DESC", "a_,ab,100%,Ab,it's"},
		{"", "`metrics`.`m` desc", "a_,ab,100%,Ab,it's"},
		{"", "`metrics.m` ASC", "100%,ab,a_,Ab,it's"},
		{"", "params.p", "100%,Ab,a_,ab,it's"}, // by bytes, whatever the database's locale
		{"", "user_id DESC;run_name", "100%,ab,Ab,a_,it's"},
		{"params.p LIKE 'a%'", "", "a_,ab"},
		{"params.p LIKE 'A_'", "", "Ab"},
		{"params.p ILIKE 'A_'", "", "a_,ab,Ab"},
		{"params.p like '%''s'", "", "it's"},
		{"params.p ILIKE \"IT'S\"", "", "it's"},
		{"params.p = 'AB'", "", ""},
		{"parameters.p != 'ab' AND params.p IS NOT NULL", "", "it's,100%,a_,Ab"},
		{"params.none != 'x'", "", ""},
		{"params.none IS NULL AND tag.`mlflow.runName` = 'ab'", "", "ab"},
		{"`attribute`.`run_name` = 'ab' AND `Created` = 1001", "", "ab"},
		{"run.run_name LIKE '___%' and attr.user_id = 'U0'", "", "it's"},
		{"run_id IN ('" + ids["ab"] + "','" + ids["Ab"] + "')", "", "ab,Ab"},
		{"run_id NOT IN ('" + ids["ab"] + "')", "", "it's,100%,a_,Ab"},
		{"run_name = 'ab' AND", "", "ab"},
		{"run_name IN ('ab')", "", "at character 10 ('IN ('ab')')"},
		{"metrics.m IS NULL", "", "Invalid comparator 'IS NULL'"},
		{"metrics.m LIKE '1'", "", "use one of =, !=, \\u003e"},
		{"params.p RLIKE 'a'", "", "use one of =, !=, LIKE, ILIKE, IS NULL, IS NOT NULL"},
		{"params.p > 'a'", "", "Invalid comparator '"},
		{"params.p = 'a' OR params.p = 'b'", "", "at character 16 ('OR params.p"},
		{"Metrics.m > 1", "", "Invalid entity type 'Metrics'"},
		{"experiment_id = '1'", "", "Invalid attribute key 'experiment_id' specified. Valid keys are"},
		{"metrics.m > 'x'", "", "Expected a number"},
		{"params.p = it", "", "Expected a quoted string value"},
		{"run_id IN ()", "", "list of quoted strings"},
		{"", "start_time;created DESC", "`order_by` contains duplicate fields"},
		{"", "datasets.name", "is not possible"},
		{"", "start_time DOWN", "expected ASC, DESC"},
	})
}

func TestSearchLanguageOfExperiments(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	for _, name := range []string{"Alpha", "alpha", "be_ta", "beXta"} {
		m.post("experiments/create", object{"name": name, "tags": []object{{"key": "k", "value": name[:2]}}})
	}
	id := m.get("experiments/get-by-name", "experiment_name", "alpha")["experiment"].(object)["experiment_id"].(string)
	m.searches("experiments/search", "experiments", nameOf, nil, []searchCase{
		{"name LIKE 'Al%'", "", "Alpha"},
		{"attribute.name ILIKE 'AL%'", "name DESC", "alpha,Alpha"},
		{"name LIKE 'be_ta'", "name", "beXta,be_ta"},
		{"tags.k = 'be' and name != 'be_ta'", "", "beXta"},
		{"tags.k IS NULL", "", "Default"},
		{"tags.k IS NOT NULL AND tag.k != 'be'", "name", "Alpha,alpha"},
		{"experiment_id = '" + id + "'", "", "alpha"},
		{"experiment_id IN ('" + id + "', '999')", "", "alpha"},
		{"experiment_id NOT IN ('" + id + "') AND creation_time > 0", "experiment_id", "Default,Alpha,be_ta,beXta"},
		{"last_update_time < 5", "", ""},
		{"experiment_id = 'x'", "", "must be a valid integer"},
		{"experiment_id LIKE '1'", "", "Invalid comparator 'LIKE'"},
		{"name like 'A%'", "", "write it in upper case"},
		{"name IN ('alpha')", "", "Invalid comparator 'IN'"},
		{"metrics.m > 1", "", "Invalid entity type 'metrics'"},
		{"creation_time = '5'", "", "Expected a number"},
		{"", "tags.k", "is not possible"},
	})
}

func TestSearchLanguageOfTheRegistry(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	run := m.run(m.experiment("registry language"))
	prompt := object{"key": "mlflow.prompt.is_prompt", "value": "true"}
	for name, tags := range map[string][]object{
		"Net": {{"key": "k", "value": "It's"}}, "net_1": {{"key": "a b", "value": "x"}}, "netX1": nil, "ask": {prompt},
		"no-prompt": {{"key": "mlflow.prompt.is_prompt", "value": "false"}},
	} {
		m.post("registered-models/create", object{"name": name, "tags": tags})
		for i := range 2 {
			version := object{"name": name, "source": m.get("runs/get", "run_id", run)["run"].(object)["info"].(object)["artifact_uri"].(string) + "/m", "run_id": run, "tags": []object{{"key": "i", "value": fmt.Sprint(i)}}}
			if name == "ask" {
				version = object{"name": name, "source": "prompt-template", "tags": []object{prompt, {"key": "mlflow.prompt.text", "value": "?"}}}
			}
			m.post("model-versions/create", version)
		}
	}
	m.searches("registered-models/search", "registered_models", nameOf, nil, []searchCase{
		{"", "", "Net,netX1,net_1,no-prompt"},
		{"", "name DESC", "no-prompt,net_1,netX1,Net"},
		{"name LIKE 'net_1'", "", "netX1,net_1"},
		{"name ilike 'NET'", "", "Net"},
		{"name IN ('Net', 'ask')", "", "Net"},
		{"name NOT IN ('Net')", "", "netX1,net_1,no-prompt"},
		{"tags.k = \"It's\"", "", "Net"},
		{"tag.`a b` != 'y'", "", "net_1"},
		{"tags.`mlflow.prompt.is_prompt` = 'true'", "", "ask"},
		{"tags.`mlflow.prompt.is_prompt` != 'false'", "", "ask"},
		{"tags.`mlflow.prompt.is_prompt` = 'false'", "", "Net,netX1,net_1,no-prompt"},
		{"tags.`mlflow.prompt.is_prompt` != 'true' AND name != 'Net'", "", "netX1,net_1,no-prompt"},
		{"tags.mlflow.prompt.is_prompt LIKE 'tr%'", "", "Net,netX1,net_1,no-prompt"},
		{"tags.k IS NULL", "", "Invalid comparator 'IS NULL'"},
		{"version = 1", "", "Invalid attribute key 'version' specified. Valid keys are name"},
		{"", "speed", "Invalid attribute key 'speed'"},
	})
	number := func(o object) string { return o["name"].(string) + o["version"].(string) }
	m.searches("model-versions/search", "model_versions", number, nil, []searchCase{
		{"name = 'Net'", "version_number ASC", "Net1,Net2"},
		{"name IN ('Net', 'net_1')", "name", "Net2,Net1,net_12,net_11"},
		{"version_number = 2 and name LIKE 'n%'", "name DESC", "no-prompt2,net_12,netX12"},
		{"version_number < '2' AND tags.i = '0' AND name = 'Net'", "", "Net1"},
		{"run_id = '" + run + "' AND source_path LIKE '%/m' AND name ILIKE 'NET'", "", "Net2,Net1"},
		{"name = 'ask'", "", ""},
		{"name = 'ask' AND tags.`mlflow.prompt.is_prompt` = 'true'", "", "ask2,ask1"},
		{"version = '2'", "", "Valid keys are name, run_id, source_path, version_number"},
		{"version_number LIKE '2'", "", "Invalid comparator 'LIKE'"},
		{"source_path IN ('a')", "", "Invalid comparator 'IN'"},
	})
	for query, status := range map[string]int{
		"registered-models/search?max_results=0": 400, "registered-models/search?max_results=1001": 400, "registered-models/search?max_results=1000": 200,
		"model-versions/search?max_results=0": 400, "model-versions/search?max_results=200001": 400, "registered-models/search?page_token=zz": 400,
	} {
		require.Equal(t, status, m.Do("GET", a2+query, nil).Status, query)
	}
}

func TestSearchLanguageOfLoggedModels(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	experiment := m.experiment("logged language")
	run := m.run(experiment)
	for i, name := range []string{"Mo", "mo", "m_"} {
		id := m.post("logged-models", object{
			"experiment_id": experiment, "name": name, "source_run_id": run, "model_type": fmt.Sprint("t", i%2), "params": []object{{"key": "p", "value": fmt.Sprint(i)}},
		})["model"].(object)["info"].(object)["model_id"].(string)
		for d, value := range []float64{float64(i), float64(-i)} {
			m.post("runs/log-metric", object{
				"run_id": run, "key": "acc", "value": value, "timestamp": d + 1, "model_id": id, "dataset_name": fmt.Sprint("d", d), "dataset_digest": "1",
			})
		}
	}
	name := func(o object) string { return o["info"].(object)["name"].(string) }
	in := object{"experiment_ids": []string{experiment}}
	m.searches("logged-models/search", "models", name, in, []searchCase{
		{"name LIKE 'M%'", "", "Mo"},
		{"name ILIKE 'mo' AND attributes.model_type IN ('t0')", "", "Mo"},
		{"metrics.acc >= 2", "", "m_"},
		{"metrics.acc = -1 AND params.p = '1'", "", "mo"},
		{"creation_time > 5 AND last_updated_timestamp > 5 AND name != 'mo'", "", "m_,Mo"},
		{"source_run_id NOT IN ('x') AND tags.none IS NULL", "", "m_,mo,Mo"},
		{"metrics.acc > 'x'", "", "Expected a number"},
		{"speed = 'x'", "", "Invalid attribute key 'speed' specified. Valid keys are creation_timestamp"},
	})
	for want, order := range map[string]object{
		"Mo,mo,m_": {"field_name": "metrics.acc", "ascending": false}, // the newest point counts
		"m_,mo,Mo": {"field_name": "metrics.acc"},
		"mo,m_,Mo": {"field_name": "name", "ascending": false},
	} {
		var names []string
		for _, one := range m.post("logged-models/search", object{"experiment_ids": []string{experiment}, "order_by": []object{order}})["models"].([]any) {
			names = append(names, name(one.(object)))
		}
		require.Equal(t, want, strings.Join(names, ","), order)
	}
	first := m.post("logged-models/search", object{"experiment_ids": []string{experiment}, "max_results": 1})
	for _, other := range []object{
		{"experiment_ids": []string{"0"}}, {"filter": "name = 'mo'"}, {"order_by": []object{{"field_name": "name"}}},
	} {
		body := object{"experiment_ids": []string{experiment}, "page_token": first["next_page_token"]}
		for key, value := range other {
			body[key] = value
		}
		m.refused(invalid, "Invalid page token", "logged-models/search", body)
	}
	m.refused(invalid, "ordering by a param is not possible; use name, model_id, model_type, status, source_run_id, creation_timestamp, last_updated_timestamp, metrics.KEY", "logged-models/search", object{"experiment_ids": []string{experiment}, "order_by": []object{{"field_name": "params.p"}}})
}

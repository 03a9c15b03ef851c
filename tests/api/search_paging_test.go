package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Pages neither skip nor repeat what was there all along, while others are
// made and removed between them.
func TestPagesAreStableWhileOthersWrite(t *testing.T) {
	t.Parallel()
	m := startMLflow(t)
	for name, order := range map[string][]string{
		"as by default":                     nil,
		"by start":                          {"start_time ASC"},
		"by a metric with NaN and gaps":     {"metrics.m"},
		"by a metric from above":            {"metrics.m DESC"},
		"by a param and a name":             {"params.p DESC", "run_name"},
		"by an end that is mostly absent":   {"end_time"},
		"by a tag nobody has, then by user": {"tags.none", "user_id DESC"},
		"by where the artifacts are":        {"artifact_uri"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := m.in(t)
			experiment := m.experiment("paging " + name)
			create := func(i, start int) string {
				run := m.post("runs/create", object{
					"experiment_id": experiment, "run_name": fmt.Sprint("r", i%3), "start_time": start, "user_id": fmt.Sprint("u", i%2),
				})["run"].(object)["info"].(object)["run_id"].(string)
				batch := object{"run_id": run}
				if i%4 != 0 {
					batch["metrics"] = []object{{"key": "m", "value": []any{"NaN", 1, 0.1, -3, "Infinity"}[i%5], "timestamp": 1}}
				}
				if i%3 != 0 {
					batch["params"] = []object{{"key": "p", "value": []string{"a", "B", "é"}[i%3]}}
				}
				m.post("runs/log-batch", batch)
				if i%5 == 0 {
					m.post("runs/update", object{"run_id": run, "status": "FINISHED", "end_time": 2000 + i})
				}
				return run
			}
			var stay []string
			for i := range 25 {
				stay = append(stay, create(i, 1000+i/2))
			}
			gone := create(7, 1003)
			body := object{"experiment_ids": []string{experiment}, "order_by": order, "max_results": 4}
			seen := map[string]int{}
			for page := 0; ; page++ {
				answer := m.post("runs/search", body)
				for _, run := range answer["runs"].([]any) {
					seen[run.(object)["info"].(object)["run_id"].(string)]++
				}
				if answer["next_page_token"] == nil {
					break
				}
				body["page_token"] = answer["next_page_token"]
				if page == 1 {
					m.post("runs/delete", object{"run_id": gone})
				}
				for i := range max(0, 3-page) {
					create(i+page, 5000+page)
					create(i+page, 500-page)
				}
				require.Less(t, page, 100)
			}
			for _, run := range stay {
				require.Equal(t, 1, seen[run])
			}
		})
	}
	t.Run("of models and versions", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		for i := range 7 {
			m.post("registered-models/create", object{"name": fmt.Sprint("page-", i)})
		}
		var names []string
		for token := ""; ; {
			answer := m.get("registered-models/search", "max_results", "2", "filter", "name LIKE 'page-%'", "page_token", token)
			for _, model := range answer["registered_models"].([]any) {
				names = append(names, model.(object)["name"].(string))
			}
			if answer["next_page_token"] == nil {
				break
			}
			token = answer["next_page_token"].(string)
			m.post("registered-models/create", object{"name": fmt.Sprint("page--", len(names))})
		}
		require.Equal(t, []string{"page-0", "page-1", "page-2", "page-3", "page-4", "page-5", "page-6"}, slices.DeleteFunc(names, func(n string) bool { return n[:6] == "page--" }))
	})
	t.Run("a token of another search", func(t *testing.T) {
		t.Parallel()
		m := m.in(t)
		experiment := m.experiment("tokens")
		m.run(experiment)
		m.run(experiment)
		token := m.post("runs/search", object{"experiment_ids": []string{experiment}, "max_results": 1})["next_page_token"]
		m.refused(invalid, "Invalid page token", "runs/search", object{"experiment_ids": []string{experiment}, "order_by": []string{"run_name"}, "page_token": token})
		for order, positions := range map[string][]string{
			"metrics.m":  {"i99999,f1,i1,tx", "i0,fNaN,i1,tx", "i0,f1,i1", "i0,f1,ix,tx", "i0,f1,-,tx", "i0,i1,i1,tx", ",f1,i1,tx"},
			"end_time":   {"i9223372036854775808,i1,tx", "t1,i1,tx"},
			"start_time": {"-,tx", "i1,i1"},
		} {
			for _, position := range positions {
				// The order's name in a token is no secret: what a token holds is not trusted.
				first := m.post("runs/search", object{"experiment_ids": []string{experiment}, "order_by": []string{order}, "max_results": 1})
				var token object
				text, err := base64.StdEncoding.DecodeString(first["next_page_token"].(string))
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(text, &token))
				token["after"] = strings.Split(position, ",")
				text, err = json.Marshal(token)
				require.NoError(t, err)
				m.refused(invalid, "Invalid page token", "runs/search", object{
					"experiment_ids": []string{experiment}, "order_by": []string{order}, "page_token": base64.StdEncoding.EncodeToString(text),
				})
			}
		}
		for _, token := range []string{"eyJhZnRlciI6WyJ4Il19", "eyJvZmZzZXQiOi0xfQ==", "bnVsbA==", "{}"} {
			m.refused(invalid, "Invalid page token", "runs/search", object{"experiment_ids": []string{experiment}, "page_token": token})
		}
		// A token as MLflow writes it leads on by counting.
		require.Len(t, m.post("runs/search", object{"experiment_ids": []string{experiment}, "page_token": "eyJvZmZzZXQiOiAxfQ=="})["runs"], 1)
	})
}

package pipeline_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/pipeline"
)

func TestLintNamesThePlaceAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	g := grammar(t)
	tests := map[string]struct{ old, replacement, want string }{
		"a check nobody knows": {
			"check: onnx", "check: onx", `7:14: "onx" is not known here; did you mean "onnx"? allowed: integrity, `,
		},
		"a field nobody knows": {
			"rollback_window", "rolback_window", `49:5: "rolback_window" is not known here; did you mean "rollback_window"? allowed: gates, on_alias,`,
		},
		"a field of another part of Slipway": {
			"  base: host", "  push: [docker.io/x]", `21:3: "push" is not known here; allowed: base, runtime`,
		},
		"a threshold that does not parse": {
			`">= 0.80"`, `"about 0.8"`, `11:27: "about 0.8" does not parse: an operator (>=, >, <=, <) and a number`,
		},
		"a threshold in per cent": {
			`">= 0.80"`, `">= 80"`, `11:27: map50 is 0 to 1, never 80: 80 % is 0.80`,
		},
		"a threshold without quotes and operator": {
			`">= 0.80"`, `0.8`, `11:27: this is a number; write text: an operator`,
		},
		"a threshold on what is not measured": {
			"map50: ", "map5: ", `11:20: check: detection does not measure "map5"; did you mean "map50"?`,
		},
		"a class threshold without its class": {
			`"ap50[screw]"`, `"ap50[]"`, `check: detection does not measure "ap50[]"`,
		},
		"a duration that does not parse": {
			"timeout: 2m", "timeout: 2 minutes", `8:16: "2 minutes" does not parse: a duration, such as 30s`,
		},
		"a duration as a bare number": {
			"timeout: 2m", "timeout: 120", `8:16: this is a number; write text: a duration, such as 30s`,
		},
		"a duration of nothing": {"timeout: 2m", "timeout: 0s", `8:16: "0s" is no time at all`},
		"a data set without version": {
			"dataset: shapes-val@1\n      thresholds", "dataset: shapes-val\n      thresholds", `10:16: "shapes-val" does not parse: a version of a data set as NAME@VERSION`,
		},
		"detection without data set": {
			"      dataset: shapes-val@1\n      thresholds", "      thresholds", `9:7: check: detection needs "dataset"`,
		},
		"check and run in one step": {
			"- check: integrity", "- {check: integrity, run: ls}", `6:7: this does not fit: a step has check or run, one of the two`,
		},
		"neither check nor run": {"- check: integrity", "- name: x", `6:7: this does not fit: a step has check or run`},
		"a field that means nothing to its check": {
			"- check: integrity", "- {check: integrity, dataset: a@1}", `6:26: "dataset" means nothing to check: integrity`,
		},
		"a rule nobody knows": {
			"- check: integrity", "- {check: unsafe-code, warn: [natve-code]}", `6:35: "natve-code" is not known here; did you mean "native-code"? allowed: pickle-global,`,
		},
		"a rule that fails and warns": {
			"- check: integrity", "- {check: unsafe-code, fail: [script], warn: [script]}", `6:51: "script" stands under fail: too`,
		},
		"an allowance of nothing": {
			"- check: integrity", "- {check: unsafe-code, allow: [\" \"]}", `6:36: this allows nothing`,
		},
		"rules for another check": {
			"- check: integrity", "- {check: integrity, allow: [x]}", `6:26: "allow" means nothing to check: integrity`,
		},
		"compare with an environment that is not there": {
			"against: production", "against: prod", `12:26: there is no environment "prod" in this pipeline; allowed: production, staging`,
		},
		"compare with neither environment, alias nor version": {
			"against: production", "against: {number: 3}", `this does not fit: an environment (what it runs), an alias such as "@champion"`,
		},
		"a slice that is not there": {
			`"ap50[screw]"`, `"map50{night}"`, `there is no slice "night" in this step`,
		},
		"a slice of everything": {
			"      max_det: 100", "      max_det: 100\n      slices: [{name: all, where: {}}]", `where is empty: every image would belong to it`,
		},
		"two steps of one name": {
			"- check: integrity", "- {check: integrity, name: a}\n    - {check: integrity, name: a}", `7:32: the name "a" is taken by step 1`,
		},
		"weights that do not ascend":     {"weight: 50", "weight: 20", `39:49: weights ascend: more than 25 here`},
		"weights that do not end at 100": {"{weight: 100}", "{weight: 90}", `the last weight is 100, not 90`},
		"a weight beyond 100":            {"{weight: 100}", "{weight: 101}", `maximum: got 101, want 100: share of the traffic`},
		"a step without hold":            {"{weight: 25, hold: 20s}", "{weight: 25}", `"hold" is missing: how long 25 % is judged`},
		"a hold without end":             {"{weight: 25, hold: 20s}", "{weight: 25, hold: 99999999h}", `"99999999h" is too long: at most 168h`},
		"a hold at 100":                  {"{weight: 100}", "{weight: 100, hold: 1m}", `the last step has no hold`},
		"a margin of another environment": {
			"{production: 0.05}", "{staging: 0.05}", `write production: 0.05`,
		},
		"a margin beyond 1": {"{production: 0.05}", "20", `this does not fit: an absolute difference between 0 and 1`},
		"an unknown metric": {"metric: error_rate", "metric: p99_ms", `"p99_ms" is not known here; allowed: error_rate`},
		"an unknown target": {"target: docker", "target: kubernetes", `"kubernetes" is not known here; allowed: process, docker`},
		"a gate without staging": {
			"  staging:\n", "  stage:\n", `the gate staging needs an environment named staging`,
		},
		"an environment's name": {"  staging:\n", "  Staging:\n", `"Staging" cannot name an environment`},
		"memory that does not parse": {
			"512Mi", "0.5 GB", `"0.5 GB" does not parse: an amount of memory`,
		},
		"memory too small":             {"512Mi", "1Mi", `at least 16Mi`},
		"a variable that is ours":      {"{CONFIDENCE: \"0.25\"}", "{SLIPWAY_URL: x}", `"SLIPWAY_URL" is Slipway's to set`},
		"a variable's name":            {"{CONFIDENCE: \"0.25\"}", "{a-b: x}", `"a-b" cannot name a variable`},
		"a key given twice":            {"on: registered", "on: registered\non: manual", `4:1: "on" is already given in line 3`},
		"no model":                     {"model: shapes-detector", "", `"model" is missing`},
		"a model's name with a slash":  {"model: shapes-detector", "model: a/b", `2:8: "a/b" cannot be a registered model's name`},
		"a variable in a script":       {"code/tests", "${{ vars.DIR }}", `15:23: vars: in run it would be a part of the script`},
		"an expression left open":      {"code/tests", "${{ matrix.dir", "15:19: ${{ is not closed"},
		"an expression of no sense":    {"code/tests", "${{ matrix.a b }}", "15:32: the expression does not parse"},
		"an expression nobody reads":   {"model: shapes-detector", "model: ${{ vars.M }}", "an expression means nothing here"},
		"a list where a mapping goes":  {"burst: {deaths: 2, failures: 10}", "burst: [2]", `this is a list; write a mapping`},
		"nothing where something goes": {"check: onnx", "check:", `this is empty; write text`},
		"a tag":                        {"check: onnx", "check: !!python/name:os.system x", `means nothing here`},
		"not a number":                 {"cpu: 1", "cpu: .nan", `.nan is no number to use here`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := g.Parse(edit(t, tt.old, tt.replacement), pipeline.YAML, nil)
			lines := make([]string, 0, len(problems))
			for _, p := range problems {
				lines = append(lines, p.String())
			}
			require.Contains(t, strings.Join(lines, "\n"), tt.want)
		})
	}
}

func TestLintOfWholeDocuments(t *testing.T) {
	t.Parallel()
	g := grammar(t)
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		ref := "*" + string(c-1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat(ref+",", 9) + ref + "]\n"
	}
	tests := map[string]struct{ text, mediaType, want string }{
		"empty":                    {"", pipeline.YAML, "1:1: the document is empty"},
		"not YAML":                 {"model: x\n  on: y: z", pipeline.YAML, "not YAML: mapping values are not allowed"},
		"not JSON":                 {"{\n  \"model\": x}", pipeline.JSON, "2:12: not JSON"},
		"two documents":            {"model: a\n---\nmodel: b", pipeline.YAML, "more than one document"},
		"a list":                   {"- a", pipeline.YAML, "1:1: a pipeline is a mapping"},
		"aliases without end":      {bomb, pipeline.YAML, "more than 50000 values"},
		"an alias within itself":   {"a: &a [*a]", pipeline.YAML, "nested too deep"},
		"larger than any pipeline": {strings.Repeat("# x\n", 300_000), pipeline.YAML, "larger than"},
		"a NUL":                    {`{"model": "a\u0000b"}`, pipeline.JSON, "NUL"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := g.Parse([]byte(tt.text), tt.mediaType, nil)
			require.NotEmpty(t, problems)
			require.Contains(t, problems[0].String(), tt.want)
		})
	}
}

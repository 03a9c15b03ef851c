package pipeline_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
)

// steps makes a document of some steps.
func steps(lines string) []byte { return []byte("model: m\nvalidation:\n  steps:\n" + lines) }

func TestAMatrixBecomesLegs(t *testing.T) {
	t.Parallel()
	p, problems := grammar(t).Parse(steps(`    - {check: integrity}
    - name: test
      run: pytest
      matrix:
        python: ["3.10", 3.11]
        size: [1, big]
        exclude: [{python: "3.10", size: 1}]
      needs: []
    - {run: echo all, needs: test}
    - {run: echo last}
`), pipeline.YAML, nil)
	require.Empty(t, problems)
	legs := p.Validation.Steps[1:4]
	names := []string{"test (3.10, big)", "test (3.11, 1)", "test (3.11, big)"}
	for i, leg := range legs {
		require.Equal(t, names[i], leg.Name)
		require.Equal(t, "test", leg.Leg)
		require.NotNil(t, leg.Needs)
		require.Empty(t, leg.Needs)
	}
	require.Equal(t, map[string]string{"python": "3.11", "size": "1"}, legs[1].Matrix)
	require.Equal(t, names, p.Validation.Steps[4].Needs, "the name of a matrix means all its legs")
	require.Nil(t, p.Validation.Steps[5].Needs)

	text, err := json.Marshal(p)
	require.NoError(t, err)
	var kept models.Pipeline
	require.NoError(t, json.Unmarshal(text, &kept))
	require.Equal(t, p, kept, "needs: [] and no needs are told apart in the database too")
}

func TestARunStepKeepsWhatItSays(t *testing.T) {
	t.Parallel()
	p, problems := grammar(t).Parse(steps(`    - run: pytest app/tests
      on: docker
      image: python:3.11-slim
      network: open
      git: {url: "git@host.test:team/app.git", ref: main, path: app, submodules: true, known_hosts: host.test ssh-ed25519 AAAA}
      python: "3.11"
      requirements: app/requirements.txt
      if: true
      continue_on_error: true
      retry: 2
`), pipeline.YAML, nil)
	require.Empty(t, problems)
	step := p.Validation.Steps[0]
	require.Equal(t, &models.GitSpec{
		URL: "git@host.test:team/app.git", Ref: "main", Path: "app", Submodules: true, KnownHosts: "host.test ssh-ed25519 AAAA",
	}, step.Git)
	step.Git = nil
	step.Timeout = 0
	require.Equal(t, models.StepSpec{
		Name: "pytest", Run: "pytest app/tests", On: "docker", Image: "python:3.11-slim", Network: "open", Python: "3.11",
		Requirements: "app/requirements.txt", If: "true", ContinueOnError: true, Retry: 2,
	}, step)
}

func TestLintOfSteps(t *testing.T) {
	t.Parallel()
	g := grammar(t)
	tests := map[string]struct{ text, want string }{
		"a need that is not there": {
			"    - {run: a, name: one}\n    - {run: b, needs: [won]}", `5:24: there is no step "won"; did you mean "one"? allowed: one`,
		},
		"a need of itself": {"    - {run: a, name: one, needs: one}", `4:34: step "one" cannot need itself`},
		"a circle": {
			"    - {run: a, name: a, needs: b}\n    - {run: b, name: b, needs: c}\n    - {run: c, name: c, needs: a}",
			`4:32: this is a circle, so none could begin: a waits for b waits for c waits for a`,
		},
		"a circle through one without needs": {
			"    - {run: a, name: a, needs: b}\n    - {run: b, name: b}", `a waits for b waits for a (a step without needs waits for all that stand before it)`,
		},
		"a matrix of a check":       {"    - {check: onnx, matrix: {a: [1]}}", `"matrix" means nothing to check: onnx`},
		"a matrix too large":        {"    - {run: a, matrix: {a: [1,2,3,4,5,6,7,8,9], b: [1,2,3,4,5,6,7,8,9]}}", `4:24: this makes 81 legs: at most 64`},
		"a matrix far too large":    {"    - {run: a, matrix: {a: [1,2,3,4,5,6,7,8,9], b: [1,2,3,4,5,6,7,8,9], c: [1,2,3,4]}}", `this has 324 combinations`},
		"a matrix of nothing":       {"    - {run: a, matrix: {a: [1], exclude: [{a: 1}]}}", `exclude leaves no leg`},
		"an exclude of another key": {"    - {run: a, matrix: {a: [1], exclude: [{b: 1}]}}", `"b" is not in this matrix; did you mean "a"? allowed: a`},
		"a matrix of one value":     {"    - {run: a, matrix: {a: 1}}", `this is a number; write a list`},
		"too many steps":            {strings.Repeat("    - {run: a}\n", 501), `504:7: with this one there are more than 500 steps`},
		"a guard passed over":       {"    - {check: integrity, continue_on_error: true}", `check: integrity guards the steps after it`},
		"an endless retry":          {"    - {run: a, retry: 11}", `maximum: got 11, want 10`},
		"an image on process":       {"    - {run: a, image: x}", `4:23: an image means nothing without on: docker`},
		"a place nobody has":        {"    - {run: a, on: kubernetes}", `"kubernetes" is not known here; allowed: process, docker`},
		"a Python version as a number": {
			"    - {run: a, python: 3.10}", `4:24: this is a number; write text: a version of Python in quotes, such as "3.11"`,
		},
		"requirements elsewhere":     {"    - {run: a, requirements: ../x}", `"../x" leads out of the working folder`},
		"a folder elsewhere":         {"    - {run: a, git: {url: \"https://h/x\", path: /etc}}", `"/etc" leads out of the working folder`},
		"no repository":              {"    - {run: a, git: {ref: main}}", `"url" is missing`},
		"an address of no kind":      {"    - {run: a, git: {url: \"/srv/x\"}}", `"/srv/x" is no address to clone from`},
		"an address with a password": {"    - {run: a, git: {url: \"https://u:p@h/x\"}}", `an address with a password would stand in every report`},
		"a token in the document":    {"    - {run: a, git: {url: \"https://h/x\", token: abc}}", `a secret does not stand in the document: write ${{ secrets.NAME }}`},
		"git for a check":            {"    - {check: onnx, git: {url: \"https://h/x\"}}", `"git" means nothing to check: onnx`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := g.Parse(steps(tt.text), pipeline.YAML, nil)
			lines := make([]string, 0, len(problems))
			for _, p := range problems {
				lines = append(lines, p.String())
			}
			require.Contains(t, strings.Join(lines, "\n"), tt.want)
		})
	}
}

func TestLintOfExpressions(t *testing.T) {
	t.Parallel()
	g := grammar(t)
	known := &pipeline.Names{Vars: []string{"DIR"}, Secrets: []string{"TOKEN", "KEY"}}
	tests := map[string]struct{ text, want string }{
		"names that are there": {
			"    - {run: a, env: {A: \"${{ Vars.dir }} ${{ secrets['KEY'] }}\"}, git: {url: \"https://h/${{ vars.DIR }}\", token: \"${{ secrets.TOKEN }}\"}}", "",
		},
		"what only a version has": {
			"    - {run: a, if: \"version.tags.stage == 'x' && run.params.lr > 0 && contains(version.aliases, 'c')\"}", "",
		},
		"matrix in run": {
			"    - {run: \"pytest -k ${{ matrix.k }}\", matrix: {k: [a, b]}, python: \"${{ matrix.k }}\"}", "",
		},
		"steps before it": {
			"    - {run: a, name: one}\n    - {run: b, name: two, matrix: {k: [x]}}\n    - {run: c, if: \"steps.one.measurements['m.x'] > 1 && steps['two (x)'].outcome == 'success' && steps.two.conclusion == 'failure'\"}", "",
		},
		"a variable that is not there": {"    - {run: a, env: {A: \"x ${{ vars.DIRR }}\"}}", `4:32: there is no vars.DIRR: slipway var set makes one; did you mean "DIR"? allowed: DIR`},
		"a secret that is not there":   {"    - {run: a, env: {A: \"${{ secrets.NONE }}\"}}", `there is no secrets.NONE: slipway secret set makes one; allowed: KEY, TOKEN`},
		"a secret in if":               {"    - {run: a, if: secrets.KEY}", `4:20: secrets: a secret decides nothing`},
		"a secret in a script":         {"    - {run: \"curl ${{ secrets.KEY }}\"}", `4:23: secrets: in run it would be a part of the script`},
		"a secret in an image":         {"    - {run: a, on: docker, image: \"${{ secrets.KEY }}\"}", `secrets: a secret reaches a step by env`},
		"a key of no matrix":           {"    - {run: \"a ${{ matrix.os }}\", matrix: {k: [1]}}", `there is no matrix.os; allowed: k`},
		"a step beside it": {
			"    - {run: a, name: one, needs: []}\n    - {run: b, needs: [], if: steps.one.outcome == 'success'}", `5:31: there is no steps.one: a step that it needs, or that ends before it`,
		},
		"a status outside if":      {"    - {run: a, env: {A: \"${{ failure() }}\"}}", `failure() can be asked in if alone`},
		"a half condition":         {"    - {run: a, if: \"${{ vars.DIR }} == 'x'\"}", `4:21: a condition is one expression`},
		"GitHub's own":             {"    - {run: a, if: github.ref == 'x'}", `there is no github; allowed: matrix, model, run, secrets, steps, vars, version`},
		"no function":              {"    - {run: a, if: \"succes()\"}", `there is no function succes(); did you mean "success"?`},
		"a check with a broken if": {"    - {check: onnx, if: \"1 +\"}", `4:28: the expression does not parse`},
		"an expression in a check": {"    - {check: detection, dataset: a@1, exclude: [\"${{ vars.DIR }}\"]}", `an expression means nothing here`},
		"a serving variable":       {"    - {run: a}\nserving: {env: {A: \"${{ vars.DIR }}\"}}", `an expression means nothing here`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := g.Parse(steps(tt.text), pipeline.YAML, known)
			lines := make([]string, 0, len(problems))
			for _, p := range problems {
				lines = append(lines, p.String())
			}
			if tt.want == "" {
				require.Empty(t, lines)
			}
			require.Contains(t, strings.Join(lines, "\n"), tt.want)
		})
	}
}

func TestAStepIsRefusedWhereTheServerRunsNone(t *testing.T) {
	t.Parallel()
	const doc = "model: m\nvalidation:\n  steps:\n    - run: \"true\"\n      on: docker\n    - run: \"true\"\n      name: second\n"
	for name, tc := range map[string]struct {
		steps []string
		want  []string
	}{
		"where it is not known all is fine": {nil, nil},
		"where both are allowed, too":       {[]string{"docker", "process"}, nil},
		"process alone": {[]string{"process"}, []string{
			"5:11: run: steps may not run on docker on this server (--allow-steps docker allows them); on: process is allowed",
		}},
		"neither": {[]string{}, []string{
			"5:11: run: steps may not run on docker on this server (--allow-steps docker allows them)",
			"6:7: run: steps may not run on process on this server (--allow-steps process allows them)",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := grammar(t)
			g.Steps = tc.steps
			_, problems := g.Parse([]byte(doc), pipeline.YAML, nil)
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			require.Equal(t, tc.want, got)
		})
	}
}

package validation

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// graph is how the steps of a validation wait for each other.
type graph struct {
	steps []models.StepSpec
	waits [][]int // for which steps each waits
	guard []bool
	alone []bool // it measures time
}

// graph orders steps: one with needs begins when those and the guards before it
// have ended, one without when all before it have. The legs of a matrix do not
// wait for each other.
func (s *Service) graph(steps []models.StepSpec) graph {
	g := graph{steps: steps, waits: make([][]int, len(steps)), guard: make([]bool, len(steps)), alone: make([]bool, len(steps))}
	for i, step := range steps {
		g.guard[i] = s.guards(step.Check)
		g.alone[i] = slices.ContainsFunc(s.Checks, func(c Check) bool {
			declared := c.Declare()
			return declared.Alone && declared.Name == step.Check
		})
		for before := range i {
			leg := step.Leg != "" && steps[before].Leg == step.Leg
			if step.Needs == nil && !leg || g.guard[before] && !g.guard[i] {
				g.waits[i] = append(g.waits[i], before)
			}
		}
		for on, other := range steps {
			if slices.Contains(step.Needs, other.Name) && !slices.Contains(g.waits[i], on) {
				g.waits[i] = append(g.waits[i], on)
			}
		}
	}
	return g
}

// ready tells whether all that a step waits for have ended.
func (g graph) ready(results []models.StepResult, index int) bool {
	return !slices.ContainsFunc(g.waits[index], func(on int) bool { return results[on].Verdict == "" })
}

// before gives the steps that end before one begins.
func (g graph) before(index int) []int {
	seen := make([]bool, len(g.steps))
	var out []int
	var walk func(int)
	walk = func(at int) {
		for _, next := range g.waits[at] {
			if !seen[next] {
				seen[next] = true
				out = append(out, next)
				walk(next)
			}
		}
	}
	walk(index)
	return out
}

// leastParallel lets steps that wait for something share one core.
const leastParallel = 2

func (s Settings) stepsParallel() int {
	if s.StepsParallel > 0 {
		return s.StepsParallel
	}
	return max(leastParallel, runtime.GOMAXPROCS(0))
}

// ended is how one step went.
type ended struct {
	index  int
	result models.StepResult
	err    error
}

// steps does those that have no verdict, each as soon as it may begin, and gives
// all of them. After an error it begins no more, and waits for those that run.
func (s *Service) steps(ctx context.Context, v models.Validation, p plan) ([]models.StepResult, error) {
	results, begun := slices.Clone(v.Steps), make([]bool, len(v.Steps))
	done := make(chan ended)
	running, alone := 0, false
	var failed error
	for {
		for i := range results {
			if failed != nil || ctx.Err() != nil || alone || running == s.Settings.stepsParallel() {
				break
			}
			if begun[i] || results[i].Verdict != "" || !p.graph.ready(results, i) {
				continue
			}
			if p.graph.alone[i] && running > 0 {
				break // the next to begin, when the others have ended
			}
			begun[i], alone = true, p.graph.alone[i]
			running++
			at := v
			at.Steps = slices.Clone(results)
			go func() { done <- s.guarded(ctx, at, p, i) }()
		}
		if running == 0 {
			return results, failed
		}
		end := <-done
		running--
		alone = false
		if end.err != nil {
			failed = errors.Join(failed, end.err)
			continue
		}
		results[end.index] = end.result
	}
}

// guarded does a step, and makes an error of what breaks down in it: here no
// job's worker would.
func (s *Service) guarded(ctx context.Context, v models.Validation, p plan, index int) (end ended) {
	end.index = index
	defer func() {
		if r := recover(); r != nil {
			end.err = fmt.Errorf("step %q broke down: %v\n%s", v.Steps[index].Name, r, debug.Stack())
		}
	}()
	end.result, end.err = s.step(ctx, v, p, index)
	return end
}

package cli

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// onlySteps leaves in a document the steps of these names, and those that they
// need.
func onlySteps(text []byte, names []string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	steps := child(child(&doc, "validation"), "steps")
	if steps == nil || steps.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("--step %s: the pipeline has no validation.steps", names[0])
	}
	var known []string
	for _, step := range steps.Content {
		known = append(known, nameOf(step))
	}
	wanted := slices.Clone(names)
	for i := 0; i < len(wanted); i++ { // it grows
		at := slices.Index(known, wanted[i])
		if at < 0 {
			return nil, fmt.Errorf("--step %s: there is no such step: %s", wanted[i], strings.Join(known, ", "))
		}
		if needs := child(steps.Content[at], "needs"); needs != nil {
			for _, need := range append(needs.Content, needs) { // one name, or a list
				if need.Kind == yaml.ScalarNode && need.Value != "" && !slices.Contains(wanted, need.Value) {
					wanted = append(wanted, need.Value)
				}
			}
		}
	}
	steps.Content = slices.DeleteFunc(steps.Content, func(step *yaml.Node) bool { return !slices.Contains(wanted, nameOf(step)) })
	return yaml.Marshal(&doc)
}

// nameOf is a step's name, or what names it: its check, its command's first
// word.
func nameOf(step *yaml.Node) string {
	for _, field := range []string{"name", "check"} {
		if n := child(step, field); n != nil {
			return n.Value
		}
	}
	if run := child(step, "run"); run != nil {
		if words := strings.Fields(run.Value); len(words) > 0 {
			return path.Base(words[0])
		}
	}
	return "run"
}

// child finds a field of a mapping; nil where there is none.
func child(of *yaml.Node, field string) *yaml.Node {
	if of == nil {
		return nil
	}
	if of.Kind == yaml.DocumentNode && len(of.Content) == 1 {
		of = of.Content[0]
	}
	for i := 0; of.Kind == yaml.MappingNode && i+1 < len(of.Content); i += 2 {
		if of.Content[i].Value == field {
			return of.Content[i+1]
		}
	}
	return nil
}

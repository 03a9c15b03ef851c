package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Signature runs the input example in slipway-serve and holds the model and its
// answer against the schema that the version declares.
type Signature struct{}

// signatureSettings are the fields of a step.
type signatureSettings struct {
	Required bool `json:"required,omitempty" jsonschema_description:"Whether signature fails without a signature or an input example, instead of warning (false)."`
}

// Declare implements validation.Check.
func (Signature) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "signature", Version: 1, About: "the input example runs and matches the declared schema.", Settings: signatureSettings{},
		Measures: []pipeline.Measure{
			{Name: "inputs", About: "entries of the signature's inputs"},
			{Name: "outputs", About: "entries of its outputs"},
			{Name: "params", About: "its params"},
		},
	}
}

// Run implements validation.Check.
func (Signature) Run(ctx context.Context, s *validation.Subject) (models.Report, error) {
	var report models.Report
	var settings signatureSettings
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	m, err := readMLmodel(ctx, s)
	if err != nil {
		report.Findings, err = blame("MLmodel", err)
		return report, err
	}
	if _, ok := m.Flavors["onnx"]; !ok {
		return report, models.Errorf(models.KindUnsupported, "the version is no ONNX model, and slipway-serve runs no other: leave out check: signature")
	}
	c := signed{s: s, report: &report, missing: models.SeverityWarning}
	if settings.Required {
		c.missing = models.SeverityError
	}
	return report, c.run(ctx, m)
}

// signed is the work of one run.
type signed struct {
	s       *validation.Subject
	served  *validation.Served
	report  *models.Report
	missing models.Severity // of a signature or an example that is not there
	schema  signature
	inputs  []input // as the model declares them
	outputs []input
}

func (c *signed) add(found ...models.Finding) {
	c.report.Findings = append(c.report.Findings, found...)
}

func (c *signed) lacks(where, remedy, format string, args ...any) {
	c.add(models.Finding{Severity: c.missing, Where: where, Message: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (c *signed) run(ctx context.Context, m mlmodel) error {
	var err error
	const remedy = "log the model with signature=infer_signature(inputs, outputs), or with input_example="
	switch c.schema, err = m.parseSignature(); {
	case models.IsKind(err, models.KindNotFound):
		c.lacks("MLmodel", remedy, "the version has no signature: callers cannot know what it takes and gives")
	case err != nil:
		c.add(problem("MLmodel", "%s", err))
		return nil
	case len(c.schema.Outputs) == 0:
		c.lacks("MLmodel", remedy, "the signature says nothing of outputs")
	}
	c.report.Measurements = []models.Measurement{
		{Name: "inputs", Value: float64(len(c.schema.Inputs))}, {Name: "outputs", Value: float64(len(c.schema.Outputs))}, {Name: "params", Value: float64(len(c.schema.Params))},
	}
	example, err := readExample(ctx, c.s)
	switch {
	case models.IsKind(err, models.KindNotFound):
		c.lacks("MLmodel", "log the model with input_example=", "the version has no input example: %s", err)
	case models.IsKind(err, models.KindInvalid):
		c.add(problem("input example", "%s", err))
	case err != nil:
		return err
	}
	has := err == nil
	if c.served, err = c.s.Serve(ctx); err != nil {
		return err
	}
	defer c.served.Stop()
	var said struct {
		Inputs  []input `json:"inputs"`
		Outputs []input `json:"outputs"`
	}
	if err := c.served.Get(ctx, modelPath(c.s.Version.Model), &said); err != nil {
		return err
	}
	c.inputs, c.outputs = said.Inputs, said.Outputs
	c.declared()
	if !has {
		return nil
	}
	c.exampleFits(example)
	return c.ask(ctx, example)
}

// declared holds the signature against what the model declares by itself.
func (c *signed) declared() {
	if tensorsOf(c.schema.Inputs) { // columns are put together in many ways
		for i, f := range c.schema.Inputs {
			where := fmt.Sprintf("signature.inputs[%d]", i)
			if of, ok := f.find(c.inputs); ok {
				c.add(f.fits(where, of)...)
			} else {
				c.add(problem(where, "the signature's input %q is none of the model's, which are %s", f.Name, inputNames(c.inputs)))
			}
		}
	}
	taken := map[string]bool{}
	for i, f := range c.schema.Outputs {
		where := fmt.Sprintf("signature.outputs[%d]", i)
		of, ok := f.find(c.outputs)
		switch taken[of.Name] = true; {
		case ok:
			c.add(f.fits(where, of)...)
		case f.Name == "":
			c.add(problem(where, "the signature has an output without a name, and the model has %s", inputNames(c.outputs)))
		case f.required():
			c.add(problem(where, "the signature's output %q is none of the model's, which are %s", f.Name, inputNames(c.outputs)))
		}
	}
	for _, out := range c.outputs {
		if len(c.schema.Outputs) > 0 && !taken[out.Name] {
			c.add(warning(out.Name, "the model gives %q, of which the signature does not know", out.Name))
		}
	}
	if len(c.schema.Params) > 0 {
		var names []string
		for _, p := range c.schema.Params {
			names = append(names, p.Name)
		}
		c.add(warning("signature.params", "the signature has the params %s, which an ONNX model does not take: slipway-serve ignores them", strings.Join(names, ", ")))
	}
}

// exampleFits holds the example against the schema of the inputs.
func (c *signed) exampleFits(e example) {
	given, named := e.names()
	for _, f := range c.schema.Inputs {
		if named && f.Name != "" && f.required() && !slices.Contains(given, f.Name) {
			c.add(problem(e.path, "the input example lacks %q, which the signature requires", f.Name))
		}
	}
	for name, shape := range e.shapes() {
		i := slices.IndexFunc(c.schema.Inputs, func(f field) bool { return f.Name == name || name == "" && len(c.schema.Inputs) == 1 })
		if i >= 0 && c.schema.Inputs[i].Tensor != nil && !shapesAgree(c.schema.Inputs[i].Tensor.Shape, shape) {
			c.add(problem(e.path, "the input example is of shape %s, and the signature says %s", shapeWords(shape), c.schema.Inputs[i]))
		}
	}
}

// ask runs the example and holds the answer against the schema of the outputs.
func (c *signed) ask(ctx context.Context, e example) error {
	q, err := e.question(0)
	if err != nil {
		return err
	}
	answer, err := q.ask(ctx, c.served)
	var no *refusedError
	switch {
	case errors.As(err, &no) && no.fault:
		c.add(problem("model", "it fails on its input example: %s", no.message))
		return nil
	case errors.As(err, &no):
		f := problem(e.path, "the model does not take its own input example: %s", no.message)
		f.Remedy = "log an input_example of the form in which callers will ask"
		c.add(f)
		return nil
	case err != nil:
		return err
	}
	c.report.Facts = map[string]string{"asked": e.path, "runtime": c.served.Facts.Runtime}
	c.answered(answer.predictions)
	return nil
}

// answered holds an answer against the schema.
func (c *signed) answered(predictions any) {
	var first map[string]any // a row of a table, or the outputs by name
	object, tensors := predictions.(map[string]any)
	first = object
	if rows, ok := predictions.([]any); ok && len(rows) > 0 {
		first, _ = rows[0].(map[string]any)
	}
	for i, f := range c.schema.Outputs {
		of, ok := f.find(c.outputs)
		if !ok {
			continue // it has been told
		}
		where := fmt.Sprintf("signature.outputs[%d]", i)
		value, ok := first[of.Name]
		if !ok && f.required() {
			c.add(problem(where, "the answer to the input example has no %q", of.Name))
			continue
		}
		if tensors && f.Tensor != nil {
			if shape := shapeOf(value); !shapesAgree(f.Tensor.Shape, shape) {
				c.add(problem(where, "the answer's %q is of shape %s, and the signature says %s", of.Name, shapeWords(shape), f))
			}
		}
	}
	nulls := map[string]int{}
	countNulls("predictions", predictions, nulls)
	for _, name := range keys(nulls) {
		c.add(warning(name, "%d values of %q are NaN or infinite on the input example: callers get null", nulls[name], name))
	}
}

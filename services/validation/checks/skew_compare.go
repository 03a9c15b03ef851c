package checks

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/models"
)

// comparing holds answers of mlflow against those of slipway-serve.
type comparing struct {
	settings skewSettings
	report   *models.Report

	rows, values, differing int
	most, mostRelative      float64
	shown                   int
	missing                 map[string]bool // outputs that have been told
}

// maxShown is how many differing rows are told, of how many.
const maxShown = 10

func (c *comparing) find(f models.Finding) { c.report.Findings = append(c.report.Findings, f) }

// add compares the answers to one request.
func (c *comparing) add(a skewAsk, theirs, ours said) error {
	switch {
	case theirs.refused != "" && ours.refused != "":
		return models.Errorf(models.KindInvalid, "neither takes %s: slipway-serve says %s; mlflow says %s", a.what, ours.refused, cut(theirs.refused, maxPrinted))
	case theirs.refused != "":
		c.find(problem(a.what, "slipway-serve answers, and mlflow does not: %s", cut(theirs.refused, maxTrace)))
	case ours.refused != "":
		c.find(problem(a.what, "mlflow answers, and slipway-serve does not: %s", ours.refused))
	default:
		return c.answers(a, theirs.predictions, ours.predictions)
	}
	c.rows, c.differing = c.rows+a.rows, c.differing+a.rows
	return nil
}

func (c *comparing) answers(a skewAsk, theirs, ours any) error {
	rows := a.rows
	its, err := read(theirs, rows)
	if err == nil {
		_, err = read(ours, rows)
	}
	if err != nil { // an output that is no row for each: all is one
		rows = 1
		if its, err = read(theirs, rows); err != nil {
			return models.Errorf(models.KindInvalid, "mlflow's answer to %s cannot be compared: its outputs are of no one kind", a.what)
		}
	}
	served, err := read(ours, rows)
	if err != nil {
		return models.Errorf(models.KindInvalid, "slipway-serve's answer to %s cannot be compared: its outputs are of no one kind", a.what)
	}
	pairs, err := c.pairs(its, served)
	if err != nil {
		return err
	}
	differs := make([]bool, rows)
	for _, pair := range pairs {
		c.output(a, pair, its, served, differs)
	}
	for _, d := range differs {
		if c.rows++; d {
			c.differing++
		}
	}
	return nil
}

// read is predictions, also where the answer does not name its only output.
func read(answer any, rows int) (predicted, error) {
	list, ok := answer.([]any)
	if !ok || len(list) == 0 {
		return predictions(answer, rows)
	}
	if _, records := list[0].(map[string]any); records {
		return predictions(answer, rows)
	}
	return predictions(map[string]any{"": answer}, rows)
}

// pairs says which output of mlflow's is which of slipway-serve's.
func (c *comparing) pairs(theirs, ours predicted) ([][2]string, error) {
	its, served := theirs.outputs(), ours.outputs()
	if want := c.settings.Output; want != "" {
		if !slices.Contains(served, want) {
			return nil, models.Errorf(models.KindInvalid, "output: slipway-serve gives %q, not %q", served, want)
		}
		served = []string{want}
		if slices.Contains(its, want) {
			its = served
		}
	}
	if len(its) == 1 && len(served) == 1 {
		return [][2]string{{its[0], served[0]}}, nil
	}
	var pairs [][2]string
	for _, name := range its {
		switch {
		case slices.Contains(served, name):
			pairs = append(pairs, [2]string{name, name})
		case name == "":
			return nil, models.Errorf(models.KindInvalid, "mlflow's answer names no output, and slipway-serve gives %q: name the one that is compared under output", served)
		case !c.missing[name]:
			if c.missing == nil {
				c.missing = map[string]bool{}
			}
			c.missing[name] = true
			c.find(problem(name, "mlflow gives an output %q, which slipway-serve does not; it gives %q", name, served))
		}
	}
	if len(pairs) == 0 {
		return nil, models.Errorf(models.KindInvalid, "mlflow gives %q and slipway-serve %q: no output has the same name", its, served)
	}
	return pairs, nil
}

// outputs are the names, of numbers and of texts.
func (p predicted) outputs() []string {
	names := append(keys(p.numbers), keys(p.texts)...)
	slices.Sort(names)
	return names
}

// output compares one output of an answer, and notes the rows that differ.
func (c *comparing) output(a skewAsk, pair [2]string, theirs, ours predicted, differs []bool) {
	its, served := theirs.numbers[pair[0]], ours.numbers[pair[1]]
	words := func(n int) (string, string) { return plain(its[n]), plain(served[n]) }
	same := func(n int) bool { return c.close(its[n], served[n]) }
	count, other := len(its), len(served)
	if its == nil || served == nil { // texts, or one of both
		left, right := theirs.words(pair[0]), ours.words(pair[1])
		words = func(n int) (string, string) { return left[n], right[n] }
		same = func(n int) bool { return left[n] == right[n] }
		count, other = len(left), len(right)
	}
	if count != other {
		c.find(problem(pair[1], "mlflow gives %d values on %s, and slipway-serve %d", count, a.what, other))
		for row := range differs {
			differs[row] = true
		}
		return
	}
	width := max(1, count/len(differs))
	for n := range count {
		c.values++
		if same(n) {
			continue
		}
		row := min(n/width, len(differs)-1)
		if !differs[row] && c.shown < maxShown {
			c.shown++
			left, right := words(n)
			where := a.what
			if len(differs) > 1 {
				where = fmt.Sprintf("row %d of %s", row+1, a.what)
			}
			c.find(problem(where, "%s is %s by mlflow and %s by slipway-serve", cmp.Or(pair[1], "the output"), strconv.Quote(left), strconv.Quote(right)))
		}
		differs[row] = true
	}
}

// words are the values of an output as texts.
func (p predicted) words(name string) []string {
	if texts := p.texts[name]; texts != nil {
		return texts
	}
	var all []string
	for _, v := range p.numbers[name] {
		all = append(all, plain(v))
	}
	return all
}

// close tells whether two numbers are the same within the tolerance, as
// numpy.isclose does, and keeps the largest difference. What is no number on
// both sides is the same.
func (c *comparing) close(its, served float64) bool {
	if math.IsNaN(its) || math.IsNaN(served) {
		return math.IsNaN(its) == math.IsNaN(served)
	}
	difference := math.Abs(its - served)
	if its == served { // infinities, too
		return true
	}
	c.most = max(c.most, difference)
	if difference > c.settings.ATol {
		c.mostRelative = max(c.mostRelative, difference/max(math.Abs(its), math.Abs(served)))
	}
	return difference <= c.settings.ATol+c.settings.RTol*math.Abs(served)
}

// conclude measures, and fails the step where rows differ.
func (c *comparing) conclude() error {
	if c.rows == 0 {
		return models.Errorf(models.KindInvalid, "nothing could be compared")
	}
	share := float64(c.differing) / float64(c.rows)
	c.report.Measurements = []models.Measurement{
		{Name: "rows", Value: float64(c.rows)},
		{Name: "values", Value: float64(c.values)},
		{Name: "differing", Value: float64(c.differing)},
		{Name: "differing_share", Value: share},
		{Name: "max_abs_difference", Value: c.most},
		{Name: "max_relative_difference", Value: c.mostRelative},
	}
	if c.differing == 0 {
		return nil
	}
	by := ""
	if c.most > 0 {
		by = ", by up to " + strconv.FormatFloat(c.most, 'g', 4, 64)
	}
	f := problem("model", "the saved flavour and slipway-serve answer %d of %d rows differently%s", c.differing, c.rows, by)
	f.Remedy = "what the flavour does before or after the ONNX file (scaling, thresholds, class names) is not served: put it into the ONNX graph, or into what calls it"
	c.report.Findings = slices.Insert(c.report.Findings, 0, f)
	return nil
}

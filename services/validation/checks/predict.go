package checks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// predicted is what a model says of some rows, by output: numbers, of which a
// row has several or one, or texts.
type predicted struct {
	rows    int
	numbers map[string][]float64
	texts   map[string][]string
}

// width is how many numbers of an output a row has.
func (p predicted) width(name string) int { return len(p.numbers[name]) / p.rows }

// errShape is an answer that cannot be shared out over rows.
var errShape = errors.New("an output of the model is no whole number of values a row: it has to answer each row by itself")

// predictions reads an answer to a table: rows of outputs, where these are
// equally long, or nested lists by output.
func predictions(answer any, rows int) (predicted, error) {
	p := predicted{rows: rows, numbers: map[string][]float64{}, texts: map[string][]string{}}
	switch a := answer.(type) {
	case []any:
		for _, row := range a {
			cells, _ := row.(map[string]any)
			for name, v := range cells {
				p.add(name, v)
			}
		}
	case map[string]any:
		for name, v := range a {
			p.add(name, v)
		}
	}
	for name, list := range p.numbers {
		if len(list)%rows != 0 || len(p.texts[name]) > 0 {
			return p, errShape
		}
	}
	for _, list := range p.texts {
		if len(list) != rows {
			return p, errShape
		}
	}
	return p, nil
}

// add flattens a value. JSON has null for what is no number.
func (p predicted) add(name string, v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			p.add(name, e)
		}
	case json.Number:
		f, _ := v.Float64() // beyond the range it is infinite, which is said
		p.numbers[name] = append(p.numbers[name], f)
	case nil:
		p.numbers[name] = append(p.numbers[name], math.NaN())
	case string:
		p.texts[name] = append(p.texts[name], v)
	case bool:
		p.texts[name] = append(p.texts[name], strconv.FormatBool(v))
	}
}

// batchRows is how many rows of a table a request holds.
const batchRows = 256

// tableRun asks a model for each row of a table.
type tableRun struct {
	s        *validation.Subject
	served   *validation.Served
	table    models.Table
	total    int64
	features []int // columns that the model is given
	names    []string
}

// newTableRun opens a table for a model. columns are the features that the step
// names; without any those of the model's signature, else all but target.
func newTableRun(ctx context.Context, s *validation.Subject, served *validation.Served, table models.Table, target string, columns []string) (*tableRun, error) {
	all := table.Columns()
	at := func(name string) int {
		return slices.IndexFunc(all, func(c models.Column) bool { return c.Name == name })
	}
	if at(target) < 0 {
		return nil, noColumn("target", target, all)
	}
	if columns == nil {
		columns = signedColumns(ctx, s)
	}
	if columns == nil {
		for _, c := range all {
			if c.Name != target && c.Type != models.ColumnNested {
				columns = append(columns, c.Name)
			}
		}
	}
	r := &tableRun{s: s, served: served, table: table, names: columns}
	for _, name := range columns {
		if at(name) < 0 {
			return nil, noColumn("features", name, all)
		}
		r.features = append(r.features, at(name))
	}
	return r, nil
}

func noColumn(field, name string, all []models.Column) error {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	return models.Errorf(models.KindInvalid, "%s: the data set has no column %q; it has %q", field, name, names)
}

// signedColumns gives the columns of the signature; nil where it has tensors,
// or is none.
func signedColumns(ctx context.Context, s *validation.Subject) []string {
	m, err := readMLmodel(ctx, s)
	if err != nil {
		return nil
	}
	signature, err := m.parseSignature()
	if err != nil || tensorsOf(signature.Inputs) {
		return nil
	}
	var names []string
	for _, f := range signature.Inputs {
		if f.Name == "" {
			return nil
		}
		names = append(names, f.Name)
	}
	return names
}

// each asks for all rows, some at once, and hands on what was given and said.
func (r *tableRun) each(ctx context.Context, fn func(rows [][]any, said predicted) error) error {
	done := int64(0)
	for ended := false; !ended; {
		var rows [][]any
		for len(rows) < batchRows {
			row, err := r.table.Next()
			if ended = errors.Is(err, io.EOF); ended {
				break
			}
			if err != nil {
				return err
			}
			rows = append(rows, slices.Clone(row))
		}
		if len(rows) == 0 {
			return nil
		}
		said, err := r.ask(ctx, rows)
		if err != nil {
			return err
		}
		if err := fn(rows, said); err != nil {
			return err
		}
		done += int64(len(rows))
		r.s.Progress(done, max(r.total, done), "rows")
	}
	return nil
}

func (r *tableRun) ask(ctx context.Context, rows [][]any) (predicted, error) {
	data := make([][]any, len(rows))
	for i, row := range rows {
		data[i] = make([]any, len(r.features))
		for j, at := range r.features {
			data[i][j] = cell(row[at])
		}
	}
	body, err := json.Marshal(map[string]any{"dataframe_split": map[string]any{"columns": r.names, "data": data}})
	if err != nil {
		return predicted{}, err
	}
	q := question{path: "/invocations", body: body, header: http.Header{"Content-Type": {"application/json"}}}
	answer, err := q.ask(ctx, r.served)
	var no *refusedError
	if errors.As(err, &no) && !no.fault {
		return predicted{}, models.Errorf(models.KindInvalid, "the model does not take these columns, %s: name those that it takes under features", no.message)
	}
	if err != nil {
		return predicted{}, err
	}
	return predictions(answer.predictions, len(rows))
}

// cell is a value as JSON has it.
func cell(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}
	return v
}

// word is a value as a class or a slice names it; false where it is missing.
func word(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), !math.IsNaN(v)
	case time.Time:
		return v.Format(time.RFC3339Nano), true
	default:
		text, err := json.Marshal(v)
		return string(bytes.Trim(text, `"`)), err == nil
	}
}

// broken makes a finding of a model that fails on the data set, and passes any
// other error.
func broken(err error, report *models.Report) error {
	var no *refusedError
	if errors.As(err, &no) {
		report.Findings = append(report.Findings, problem("model", "it fails on the data set: %s", no.message))
		return nil
	}
	if errors.Is(err, errShape) {
		report.Findings = append(report.Findings, problem("model", "%s", err))
		return nil
	}
	return err
}

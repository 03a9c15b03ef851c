package serving

import (
	"fmt"
	"slices"
)

// table is a data frame of which the values are read later, when the inputs
// they are for are known: cells hold the places of values in the body.
type table struct {
	columns []string
	rows    [][]int
}

// readSplit reads {"columns": […], "data": [[…], …]}; "index" is taken and ignored.
func (s *Server) readSplit(c *cursor) ([]Tensor, error) {
	const field = "dataframe_split"
	var t table
	data := false
	err := c.object(field, func(key string) error {
		switch key {
		case "index":
			return c.skip(field + ".index")
		case "columns":
			return c.array(field+".columns", func(i int) error {
				// Numbers stand for names where a frame has none.
				if c.token() == '"' {
					name, err := c.text(fmt.Sprintf("%s.columns[%d]", field, i))
					t.columns = append(t.columns, name)
					return err
				}
				name, err := c.raw(fmt.Sprintf("%s.columns[%d]", field, i))
				t.columns = append(t.columns, string(name))
				return err
			})
		case "data":
			data = true
			return c.array(field+".data", func(i int) error {
				var row []int
				place := fmt.Sprintf("%s.data[%d]", field, i)
				err := c.array(place, func(int) error {
					c.token()
					row = append(row, c.at)
					return c.skip(place)
				})
				t.rows = append(t.rows, row)
				return err
			})
		}
		return invalid("%s: unknown key %q: it holds columns, data and index", field, key)
	})
	if err != nil {
		return nil, err
	}
	if t.columns == nil || !data {
		return nil, invalid("%s: it holds columns and data, both", field)
	}
	for i, row := range t.rows {
		if len(row) != len(t.columns) {
			return nil, invalid("%s.data[%d]: %d values for %d columns", field, i, len(row), len(t.columns))
		}
	}
	return s.fromTable(c, field, t)
}

// readRecords reads [{"column": value, …}, …].
func (s *Server) readRecords(c *cursor) ([]Tensor, error) {
	t, err := readObjects(c, "dataframe_records")
	if err != nil {
		return nil, err
	}
	return s.fromTable(c, "dataframe_records", t)
}

// readRows reads records whose columns are the model's inputs.
func (s *Server) readRows(c *cursor, field string) ([]Tensor, error) {
	t, err := readObjects(c, field)
	if err != nil {
		return nil, err
	}
	for _, column := range t.columns {
		if _, err := s.input(field, column); err != nil {
			return nil, err
		}
	}
	return s.byColumn(c, field, t)
}

func readObjects(c *cursor, field string) (table, error) {
	var t table
	err := c.array(field, func(i int) error {
		place := fmt.Sprintf("%s[%d]", field, i)
		row := slices.Repeat([]int{-1}, len(t.columns))
		err := c.object(place, func(key string) error {
			c.token()
			at := slices.Index(t.columns, key)
			switch {
			case at < 0 && i == 0:
				t.columns = append(t.columns, key)
				row = append(row, c.at)
			case at < 0:
				return invalid("%s: column %q is not in the rows before", place, key)
			case row[at] >= 0:
				return invalid("%s: column %q is given twice", place, key)
			default:
				row[at] = c.at
			}
			return c.skip(place + "." + key)
		})
		if err != nil {
			return err
		}
		if at := slices.Index(row, -1); at >= 0 {
			return invalid("%s: column %q is missing", place, t.columns[at])
		}
		t.rows = append(t.rows, row)
		return nil
	})
	if err == nil && len(t.rows) == 0 {
		err = invalid("%s: there are no rows", field)
	}
	return t, err
}

// fromTable makes inputs of a data frame as MLflow's onnx flavour does: the
// columns of the signature and no others, in its order; all of them as a matrix
// for a model with one input, a column for each input otherwise.
func (s *Server) fromTable(c *cursor, field string, t table) ([]Tensor, error) {
	if s.Columns != nil {
		var err error
		if t, err = t.pick(field, s.Columns); err != nil {
			return nil, err
		}
	}
	if len(s.Info.Inputs) == 1 {
		in := s.Info.Inputs[0]
		one, err := s.column(c, field, t, in, 0, len(t.columns))
		if len(t.columns) == 1 && !in.Free && len(one.Shape) == len(in.Dims)+1 {
			one.Shape = slices.Delete(one.Shape, 1, 2) // a column of lists is the tensor itself
		}
		return []Tensor{one}, err
	}
	wanted := make([]string, len(s.Info.Inputs))
	for i, in := range s.Info.Inputs {
		wanted[i] = in.Name
	}
	t, err := t.pick(field, wanted)
	if err != nil {
		return nil, err
	}
	return s.byColumn(c, field, t)
}

// byColumn makes an input of each column, which is named as it.
func (s *Server) byColumn(c *cursor, field string, t table) ([]Tensor, error) {
	var all []Tensor
	for i, name := range t.columns {
		in, err := s.input(field, name)
		if err != nil {
			return nil, err
		}
		one, err := s.column(c, field, t, in, i, i+1)
		if err != nil {
			return nil, err
		}
		if in.Free || len(one.Shape) != len(in.Dims) {
			one.Shape = slices.Delete(one.Shape, 1, 2)
		}
		all = append(all, one)
	}
	return all, nil
}

// column reads the cells of columns from..to as one tensor (rows, columns, and
// what a cell holds).
func (s *Server) column(c *cursor, field string, t table, in Spec, from, to int) (Tensor, error) {
	out := Tensor{Name: in.Name, Type: in.Type}
	fill, err := newFiller(in.Type, 0)
	if err != nil {
		return out, err
	}
	n := nest{fill: fill, leaf: -1}
	for i, row := range t.rows {
		for j, at := range row[from:to] {
			n.cursor = &cursor{data: c.data, at: at}
			if err := n.value(0); err != nil {
				return out, placed(fmt.Sprintf("%s: row %d, column %q", field, i, t.columns[from+j]), err)
			}
		}
	}
	out.Shape = append([]int64{int64(len(t.rows)), int64(to - from)}, n.shape...)
	out.Data = fill.data()
	return out, nil
}

// pick gives the named columns in that order.
func (t table) pick(field string, wanted []string) (table, error) {
	at := make([]int, len(wanted))
	for i, name := range wanted {
		if at[i] = slices.Index(t.columns, name); at[i] < 0 {
			return t, invalid("%s: column %q is missing; the model takes %q", field, name, wanted)
		}
	}
	out := table{columns: wanted, rows: make([][]int, len(t.rows))}
	for i, row := range t.rows {
		out.rows[i] = make([]int, len(at))
		for j, k := range at {
			out.rows[i][j] = row[k]
		}
	}
	return out, nil
}

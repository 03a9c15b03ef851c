package checks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// example is a version's input example, as MLflow's scoring protocol takes it:
// one key that holds the data, and perhaps params.
type example struct {
	path string // of the file
	key  string // inputs, instances, dataframe_split or dataframe_records
	doc  map[string]json.RawMessage
}

// dataKeys are those of MLflow's scoring protocol.
var dataKeys = []string{"inputs", "instances", "dataframe_split", "dataframe_records"}

// readExample reads the example that was logged with the version; not_found
// where there is none, invalid where it is no request.
func readExample(ctx context.Context, s *validation.Subject) (example, error) {
	m, err := readMLmodel(ctx, s)
	if err != nil {
		return example{}, err
	}
	if m.Example == nil || m.Example.Serving == "" && m.Example.Path == "" {
		return example{}, models.Errorf(models.KindNotFound, "MLmodel names no input example")
	}
	e := example{path: m.Example.Serving}
	if e.path == "" { // of MLflow before 2.16
		e.path = m.Example.Path
	}
	text, err := readText(ctx, s, e.path)
	if err != nil {
		return e, err
	}
	if m.Example.Serving == "" && m.Example.Type == "dataframe" {
		text = fmt.Appendf(nil, `{"dataframe_split": %s}`, text)
	}
	if err := json.Unmarshal(text, &e.doc); err != nil {
		return e, models.Errorf(models.KindInvalid, "%s is no JSON object of MLflow's scoring protocol: %v", e.path, err)
	}
	for _, key := range dataKeys {
		if _, ok := e.doc[key]; ok {
			e.key = key
			return e, nil
		}
	}
	return e, models.Errorf(models.KindInvalid, "%s holds none of inputs, instances, dataframe_split and dataframe_records", e.path)
}

// question asks the example; with rows, that many of it, its own repeated.
func (e example) question(rows int) (question, error) {
	q := question{
		what: "its input example", sure: true, path: "/invocations", header: http.Header{"Content-Type": {"application/json"}},
	}
	doc := make(map[string]json.RawMessage, len(e.doc))
	for key, value := range e.doc {
		doc[key] = value
	}
	if rows > 0 {
		q.what = fmt.Sprintf("%d rows of its input example", rows)
		var err error
		if doc[e.key], err = repeatData(e.key, e.doc[e.key], rows); err != nil {
			return q, err
		}
	}
	var err error
	q.body, err = json.Marshal(doc)
	return q, err
}

// repeatData makes the data of a request that many rows long.
func repeatData(key string, data json.RawMessage, rows int) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(data, &object) != nil { // a list of rows
		return repeatRows(data, rows)
	}
	for name, value := range object {
		if key == "dataframe_split" && name != "data" {
			continue
		}
		var err error
		if object[name], err = repeatRows(value, rows); err != nil {
			return nil, err
		}
	}
	delete(object, "index") // it would be as long as the data was
	return json.Marshal(object)
}

func repeatRows(list json.RawMessage, rows int) (json.RawMessage, error) {
	var own []json.RawMessage
	if err := json.Unmarshal(list, &own); err != nil || len(own) == 0 {
		return nil, models.Errorf(models.KindInvalid, "the input example has no rows that could be repeated")
	}
	all := make([]json.RawMessage, rows)
	for i := range all {
		all[i] = own[i%len(own)]
	}
	return json.Marshal(all)
}

// names gives the columns or inputs that an example has, where it names them.
func (e example) names() ([]string, bool) {
	data := e.doc[e.key]
	var records []map[string]json.RawMessage
	var object map[string]json.RawMessage
	switch {
	case e.key == "dataframe_split":
		var table struct{ Columns []string }
		err := json.Unmarshal(data, &table)
		return table.Columns, err == nil
	case json.Unmarshal(data, &records) == nil && len(records) > 0:
		return keys(records[0]), true
	case json.Unmarshal(data, &object) == nil:
		return keys(object), true
	}
	return nil, false
}

// shapes gives the shapes of an example of tensors by input; "" where it does
// not name the only one.
func (e example) shapes() map[string][]int64 {
	var data any
	if e.key != "inputs" || json.Unmarshal(e.doc[e.key], &data) != nil {
		return nil
	}
	shapes := map[string][]int64{}
	if object, ok := data.(map[string]any); ok {
		for name, value := range object {
			shapes[name] = shapeOf(value)
		}
		return shapes
	}
	shapes[""] = shapeOf(data)
	return shapes
}

// shapeOf follows the first element of each list.
func shapeOf(value any) []int64 {
	var shape []int64
	for {
		list, ok := value.([]any)
		if !ok {
			return shape
		}
		if shape = append(shape, int64(len(list))); len(list) == 0 {
			return shape
		}
		value = list[0]
	}
}

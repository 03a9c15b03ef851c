package mlflow

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
)

// field is what a struct field's tags say.
type field struct {
	index    int
	name     string // snake case
	camel    string
	required bool
	number   bool
	enum     []string
	inline   []field // of a struct whose fields count as its parent's
}

func planOf(t reflect.Type) []field {
	plan := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		entry := field{index: i, name: name, camel: camel(name)}
		if option == "inline" {
			entry.inline = planOf(f.Type)
		}
		entry.required = f.Tag.Get("mlflow") == "required"
		entry.number = f.Tag.Get("mlflow") == "number"
		if names := f.Tag.Get("enum"); names != "" {
			entry.enum = strings.Split(names, ",")
		}
		plan = append(plan, entry)
	}
	return plan
}

// camel gives proto's JSON name of a field: artifact_location → artifactLocation.
func camel(name string) string {
	words := strings.Split(name, "_")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}

type decoder struct {
	lax bool // values come from a query
}

func (d decoder) into(in any, tree map[string]any) error {
	target := reflect.ValueOf(in).Elem()
	return d.object(target, planOf(target.Type()), tree, "")
}

func (d decoder) object(target reflect.Value, plan []field, tree map[string]any, path string) error {
	for _, f := range plan {
		if f.inline != nil {
			if err := d.object(target.Field(f.index), f.inline, tree, path); err != nil {
				return err
			}
			continue
		}
		value, here := tree[f.name]
		if f.camel != f.name {
			if twin, also := tree[f.camel]; also {
				if here {
					return invalid(path+f.camel, twin, "it is given twice, as '%s' and as '%s'", f.name, f.camel)
				}
				value, here = twin, true
			}
		}
		if !here || value == nil {
			if f.required {
				return missing(path + f.name)
			}
			continue
		}
		slot := target.Field(f.index)
		if err := d.value(slot, f, value, path+f.name); err != nil {
			return err
		}
		if f.required && (slot.Kind() == reflect.String || slot.Kind() == reflect.Slice) && slot.Len() == 0 {
			return missing(path + f.name)
		}
	}
	return nil
}

func (d decoder) value(slot reflect.Value, f field, value any, path string) error {
	if list, ok := value.([]any); ok && d.lax && slot.Kind() != reflect.Slice && slot.Kind() != reflect.Pointer {
		value = list[0]
	}
	switch slot.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(slot.Type().Elem())
		slot.Set(fresh)
		return d.value(fresh.Elem(), f, value, path)
	case reflect.Slice:
		return d.list(slot, f, value, path)
	case reflect.Struct:
		tree, ok := value.(map[string]any)
		if !ok {
			return invalid(path, value, "expected an object")
		}
		return d.object(slot, planOf(slot.Type()), tree, path+".")
	case reflect.Map:
		return d.textMap(slot, value, path)
	case reflect.Interface:
		slot.Set(reflect.ValueOf(value))
	case reflect.String:
		text, err := textOf(f, value, path)
		slot.SetString(text)
		return err
	case reflect.Int64:
		n, ok := intOf(value)
		if !ok {
			return invalid(path, value, "expected an integer of 64 bits")
		}
		slot.SetInt(n)
	case reflect.Float64:
		n, ok := floatOf(value)
		if !ok {
			return invalid(path, value, "expected a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
		}
		slot.SetFloat(n)
	case reflect.Bool:
		b, ok := d.boolOf(value)
		if !ok {
			return invalid(path, value, "expected true or false")
		}
		slot.SetBool(b)
	default:
		return fmt.Errorf("decode %s: no rule for %s", path, slot.Type())
	}
	return nil
}

func (d decoder) list(slot reflect.Value, f field, value any, path string) error {
	list, ok := value.([]any)
	if !ok {
		return invalid(path, value, "expected a list")
	}
	out := reflect.MakeSlice(slot.Type(), len(list), len(list))
	isObject := slot.Type().Elem().Kind() == reflect.Struct
	var plan []field
	if isObject {
		plan = planOf(slot.Type().Elem())
	}
	for i, item := range list {
		at := path + "[" + strconv.Itoa(i) + "]"
		tree, ok := item.(map[string]any)
		var err error
		switch {
		case isObject && ok:
			err = d.object(out.Index(i), plan, tree, at+".")
		case item == nil:
			err = invalid(at, item, "a list holds no null")
		default:
			err = d.value(out.Index(i), f, item, at)
		}
		if err != nil {
			return err
		}
	}
	slot.Set(out)
	return nil
}

// textMap reads an object whose values are strings.
func (d decoder) textMap(slot reflect.Value, value any, path string) error {
	tree, ok := value.(map[string]any)
	if !ok {
		return invalid(path, value, "expected an object")
	}
	out := make(map[string]string, len(tree))
	for key, member := range tree {
		at := path + "." + key
		if _, err := textOf(field{}, key, path); err != nil {
			return err
		}
		text, err := textOf(field{}, member, at)
		if err != nil {
			return err
		}
		out[key] = text
	}
	slot.Set(reflect.ValueOf(out))
	return nil
}

func textOf(f field, value any, path string) (string, error) {
	if f.enum != nil {
		return enumOf(f.enum, value, path)
	}
	switch v := value.(type) {
	case string:
		switch {
		case strings.ContainsRune(v, 0):
			return "", invalid(path, v, "a NUL character cannot be stored; remove it")
		case !utf8.ValidString(v):
			return "", models.Errorf(models.KindInvalid, "Invalid value for parameter '%s' supplied: it is not UTF-8", path)
		}
		return v, nil
	case json.Number:
		if f.number {
			return v.String(), nil
		}
	}
	return "", invalid(path, value, "expected a string")
}

func enumOf(names []string, value any, path string) (string, error) {
	if name, ok := value.(string); ok {
		for _, known := range names {
			if name == known {
				return name, nil
			}
		}
	}
	if n, ok := intOf(value); ok && n >= 1 && n <= int64(len(names)) {
		return names[n-1], nil
	}
	return "", invalid(path, value, "use one of %s", strings.Join(names, ", "))
}

func intOf(value any) (int64, bool) {
	var text string
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	default:
		return 0, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

func floatOf(value any) (float64, bool) {
	var text string
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		switch v {
		case "NaN":
			return math.NaN(), true
		case "Infinity":
			return math.Inf(1), true
		case "-Infinity":
			return math.Inf(-1), true
		}
		text = v
	default:
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64) // takes "nan" and "inf" too, as Python writes them
	return f, err == nil
}

func (d decoder) boolOf(value any) (b, ok bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case string:
		if d.lax {
			return strings.EqualFold(v, "true"), strings.EqualFold(v, "true") || strings.EqualFold(v, "false")
		}
	}
	return false, false
}

package search

import (
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// maxOrders bounds how many terms an ordering may have.
const maxOrders = 20

// Order reads the terms of an ordering, such as "metrics.acc DESC".
func (v Vocabulary) Order(terms []string) ([]models.Order, error) {
	if len(terms) > maxOrders {
		return nil, models.Errorf(models.KindInvalid, "order_by has %d terms; at most %d are taken", len(terms), maxOrders)
	}
	out := make([]models.Order, 0, len(terms))
	for _, term := range terms {
		o, err := v.term(term)
		if err != nil {
			return nil, models.Errorf(models.KindInvalid, "Invalid order_by clause '%s': %s", term, err)
		}
		if slices.ContainsFunc(out, func(have models.Order) bool { return have.Entity == o.Entity && have.Key == o.Key }) {
			return nil, models.Errorf(models.KindInvalid, "`order_by` contains duplicate fields: '%s' is ordered by before", term)
		}
		out = append(out, o)
	}
	return out, nil
}

func (v Vocabulary) term(text string) (models.Order, error) {
	tokens, err := lex(text)
	if err != nil {
		return models.Order{}, err
	}
	p := parser{vocabulary: v, text: []rune(text), tokens: tokens}
	entity, key, err := p.key()
	if err != nil {
		return models.Order{}, err
	}
	o := models.Order{Entity: entity, Key: key}
	if !p.keyword("ASC") {
		o.Desc = p.keyword("DESC")
	}
	if t := p.peek(); t.kind != end {
		return o, p.fault(t, "expected ASC, DESC or the end")
	}
	return o, v.sortable(o)
}

// Field makes an order of a bare field name, as logged models give it; what
// follows "metrics." is the metric's key as it stands.
func (v Vocabulary) Field(name string, desc bool) (models.Order, error) {
	o := models.Order{Entity: models.EntityAttribute, Key: v.canonical(name), Desc: desc}
	if prefix, key, ok := strings.Cut(name, "."); ok {
		entity, known := v.Entities[prefix]
		if !known {
			return o, models.Errorf(models.KindInvalid, "Invalid order_by field '%s': use an attribute, or metrics.KEY", name)
		}
		o.Entity, o.Key = entity, key
		if entity == models.EntityAttribute {
			o.Key = v.canonical(key)
		}
	}
	return o, v.sortable(o)
}

func (v Vocabulary) sortable(o models.Order) error {
	known := slices.Clone(v.Sortable)
	for _, e := range v.SortableBy {
		known = append(known, strings.Replace(string(e)+"s.KEY", "metadatas", "metadata", 1))
	}
	switch {
	case o.Entity == models.EntityAttribute && !slices.Contains(v.Sortable, o.Key):
		return models.Errorf(models.KindInvalid, "%s", unknownKey(o.Key, known))
	case o.Entity != models.EntityAttribute && !slices.Contains(v.SortableBy, o.Entity):
		return models.Errorf(models.KindInvalid, "ordering by a %s is not possible; use %s", o.Entity, strings.Join(known, ", "))
	}
	return nil
}

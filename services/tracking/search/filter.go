package search

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// maxClauses bounds how many clauses a filter may have.
const maxClauses = 100

// Filter reads a filter string. A refusal is of kind invalid and says where.
func (v Vocabulary) Filter(text string) ([]models.Condition, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := parser{vocabulary: v, text: []rune(text), tokens: tokens}
	var out []models.Condition
	for p.peek().kind != end {
		if len(out) == maxClauses {
			return nil, p.fault(p.peek(), "a filter has at most %d clauses", maxClauses)
		}
		c, err := p.clause()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		if p.peek().kind != end && !p.keyword("AND") {
			return nil, p.fault(p.peek(), "expected AND or the end; clauses are joined by AND alone, without OR, NOT or parentheses")
		}
	}
	return out, nil
}

type parser struct {
	vocabulary Vocabulary
	text       []rune
	tokens     []token
	next       int
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != end {
		p.next++
	}
	return t
}

// keyword takes a word if it comes next, in any case.
func (p *parser) keyword(name string) bool {
	if t := p.peek(); t.kind == word && strings.EqualFold(t.text, name) {
		p.next++
		return true
	}
	return false
}

// fault tells what is wrong and where.
func (p *parser) fault(t token, format string, args ...any) error {
	const around = 40
	shown := string(p.text[t.at-1 : min(len(p.text), t.at-1+around)])
	where := "at its end"
	if t.kind != end {
		where = "at character " + strconv.Itoa(t.at) + " ('" + shown + "')"
	}
	return models.Errorf(models.KindInvalid, "Invalid clause(s) in filter string: %s: "+format, append([]any{where}, args...)...)
}

func (p *parser) clause() (models.Condition, error) {
	begin := p.peek()
	entity, key, err := p.key()
	if err != nil {
		return models.Condition{}, err
	}
	rule, wrong := p.vocabulary.rule(entity, key)
	if wrong != "" {
		return models.Condition{}, p.fault(begin, "%s", wrong)
	}
	c := models.Condition{Entity: entity, Key: key}
	at := p.peek()
	if c.Op, err = p.operator(); err != nil {
		return c, err
	}
	if p.vocabulary.Upper && at.kind == word && at.text != strings.ToUpper(at.text) && slices.Contains(rule.Ops, models.Op(strings.ToUpper(at.text))) {
		return c, p.fault(at, "Invalid comparator '%s' for %s: write it in upper case", at.text, describe(entity, key))
	}
	if !slices.Contains(rule.Ops, c.Op) {
		return c, p.fault(at, "Invalid comparator '%s' for %s; use one of %s", c.Op, describe(entity, key), opNames(rule.Ops))
	}
	return c, p.value(&c, rule)
}

func describe(entity models.Entity, key string) string { return string(entity) + " '" + key + "'" }

// key reads [entity.]key, where the key may be quoted.
func (p *parser) key() (models.Entity, string, error) {
	t := p.take()
	switch {
	case t.kind == quoted && t.quote == '`' && p.peek().kind == word && p.peek().at == t.stop && strings.HasPrefix(p.peek().text, "."):
		more := p.take() // `attribute`.name
		t = token{kind: word, text: t.text + more.text, at: t.at, stop: more.stop}
	case t.kind == quoted:
		prefix, rest, dotted := strings.Cut(t.text, ".") // `metrics.acc`, as orderings had it once
		if entity, known := p.vocabulary.Entities[prefix]; dotted && known && rest != "" && entity != models.EntityAttribute {
			return entity, rest, nil
		}
		return models.EntityAttribute, p.vocabulary.canonical(t.text), nil
	case t.kind != word:
		return "", "", p.fault(t, "expected a key, such as metrics.accuracy or attributes.name")
	}
	prefix, rest, dotted := strings.Cut(t.text, ".")
	if !dotted {
		if strings.EqualFold(t.text, "run") && p.peek().kind == word && strings.EqualFold(p.peek().text, "name") {
			t.stop = p.take().stop
			prefix = "run name"
		}
		return models.EntityAttribute, p.vocabulary.canonical(prefix), p.endsKey(t, prefix, "")
	}
	entity, ok := p.vocabulary.Entities[prefix]
	if !ok {
		return "", "", p.fault(t, "Invalid entity type '%s'. Valid values are %s", prefix, strings.Join(sortedKeys(p.vocabulary.Entities), ", "))
	}
	if q := p.peek(); (rest == "" || strings.HasSuffix(rest, ".")) && q.kind == quoted && q.at == t.stop {
		rest += p.take().text
	} else if err := p.endsKey(t, rest, prefix+"."); err != nil {
		return "", "", err
	}
	if rest == "" {
		return "", "", p.fault(t, "a key is missing after '%s.'", prefix)
	}
	if entity == models.EntityAttribute {
		for inner, of := range p.vocabulary.Inner {
			if key, ok := strings.CutPrefix(rest, inner+"."); ok {
				return of, key, nil
			}
		}
		rest = p.vocabulary.canonical(rest)
	}
	return entity, rest, nil
}

// endsKey refuses a key that goes on with a character that needs quotes, and
// shows the quoted form.
func (p *parser) endsKey(t token, key, prefix string) error {
	next := p.peek()
	if next.kind == end || next.at != t.stop || (next.kind == symbol && strings.ContainsAny(next.text, "=!<>")) {
		return nil
	}
	whole := []rune(key)
	for i := t.stop - 1; i < len(p.text) && !strings.ContainsRune(" \t\r\n=<>!'\"`", p.text[i]); i++ {
		whole = append(whole, p.text[i])
	}
	return p.fault(next, "a key with characters other than letters, digits, '_' and '.' is quoted: %s`%s`", prefix, string(whole))
}

func (p *parser) operator() (models.Op, error) {
	t := p.take()
	if t.kind == symbol && slices.Contains(numbers, models.Op(t.text)) {
		return models.Op(t.text), nil
	}
	if t.kind == word {
		switch name := strings.ToUpper(t.text); {
		case name == "NOT" && p.keyword("IN"):
			return models.OpNotIn, nil
		case name == "IS" && p.keyword("NULL"):
			return models.OpIsNull, nil
		case name == "IS" && p.keyword("NOT") && p.keyword("NULL"):
			return models.OpIsNotNull, nil
		case name == "LIKE" || name == "ILIKE" || name == "RLIKE" || name == "IN":
			return models.Op(name), nil
		default:
			return models.Op(t.text), nil // the rule's list refuses it
		}
	}
	return "", p.fault(t, "expected a comparator: one of %s", opNames(all(numbers, texts[2:], lists, nulls)))
}

func (p *parser) value(c *models.Condition, rule Attribute) error {
	if c.Op == models.OpIsNull || c.Op == models.OpIsNotNull {
		return nil
	}
	if c.Op == models.OpIn || c.Op == models.OpNotIn {
		at := p.peek()
		var err error
		if c.List, err = p.list(); err != nil || rule.Kind != Integer {
			return err
		}
		for i, text := range c.List {
			if c.List[i], err = p.integer(at, c, text); err != nil {
				return err
			}
		}
		return nil
	}
	t := p.take()
	if c.Op == models.OpRLike {
		if _, err := regexp.Compile(t.text); err != nil {
			return p.fault(t, "not a regular expression: %s", err)
		}
	}
	if rule.Kind == Graded {
		if rule.Kind = Text; slices.Contains(numbers[2:], c.Op) {
			rule.Kind = Number
		}
	}
	if rule.Kind == Text || rule.Kind == Integer {
		if t.kind != quoted || t.quote == '`' {
			return p.fault(t, "Expected a quoted string value for %s, such as 'text'", describe(c.Entity, c.Key))
		}
		c.Text = t.text
		if rule.Kind == Integer {
			var err error
			c.Text, err = p.integer(t, c, t.text)
			return err
		}
		return nil
	}
	if t.kind == number || (rule.Kind == Numberish && t.kind == quoted) {
		// 1e400 is an infinity, as in Python.
		if n, err := strconv.ParseFloat(t.text, 64); (err == nil || errors.Is(err, strconv.ErrRange)) && !strings.ContainsAny(t.text, "xXpP_nN") {
			c.Number, c.Numeric = n, true
			return nil
		}
	}
	return p.fault(t, "Expected a number for %s, without quotes", describe(c.Entity, c.Key))
}

// integer gives a quoted integer in its plain form.
func (p *parser) integer(t token, c *models.Condition, text string) (string, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return "", p.fault(t, "Invalid value '%s' for %s: it must be a valid integer in quotes", text, describe(c.Entity, c.Key))
	}
	return strconv.FormatInt(n, 10), nil
}

// list reads ('a', 'b').
func (p *parser) list() ([]string, error) {
	const form = "expected a list of quoted strings, such as ('a', 'b')"
	if t := p.take(); t.kind != symbol || t.text != "(" {
		return nil, p.fault(t, form)
	}
	var out []string
	for {
		t := p.take()
		if t.kind != quoted || t.quote == '`' {
			return nil, p.fault(t, form)
		}
		out = append(out, t.text)
		switch t = p.take(); {
		case t.kind == symbol && t.text == ")":
			return out, nil
		case t.kind != symbol || t.text != ",":
			return nil, p.fault(t, form)
		}
	}
}

package serving

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// cursor reads JSON in one pass, straight into what the protocols need:
// encoding/json would take ten times as long over a picture written as
// numbers. Errors name the place.
type cursor struct {
	data  []byte
	at    int
	depth int
}

// maxDepth bounds nesting, so that a body of brackets does not eat the stack.
const maxDepth = 64

// token skips white space and gives the next byte without taking it; 0 at the end.
func (c *cursor) token() byte {
	for c.at < len(c.data) {
		switch b := c.data[c.at]; b {
		case ' ', '\n', '\r', '\t':
			c.at++
		default:
			return b
		}
	}
	return 0
}

// what shows the place for an error: a few bytes of it.
func (c *cursor) what() string {
	if c.token() == 0 {
		return "the end of the body"
	}
	end := min(len(c.data), c.at+16)
	return strconv.Quote(string(c.data[c.at:end])) + fmt.Sprintf(" (byte %d)", c.at)
}

func (c *cursor) expect(b byte) error {
	if c.token() != b {
		return invalid("not valid JSON: '%c' expected at %s", b, c.what())
	}
	c.at++
	return nil
}

// end checks that nothing follows.
func (c *cursor) end() error {
	if c.token() != 0 || c.at < len(c.data) {
		return invalid("not valid JSON: nothing may follow the object, at %s", c.what())
	}
	return nil
}

// object calls member for each key; member must take the value. field names
// the object in errors ("" for the body).
func (c *cursor) object(field string, member func(key string) error) error {
	if c.token() != '{' {
		return invalid("%s: an object expected at %s", fieldName(field), c.what())
	}
	return c.list('{', '}', func(int) error {
		key, err := c.text("a key")
		if err != nil {
			return err
		}
		if err := c.expect(':'); err != nil {
			return err
		}
		return member(key)
	})
}

// array calls item for each item; item must take it.
func (c *cursor) array(field string, item func(i int) error) error {
	if c.token() != '[' {
		return invalid("%s: a list expected at %s", fieldName(field), c.what())
	}
	return c.list('[', ']', item)
}

func (c *cursor) list(open, shut byte, item func(i int) error) error {
	if err := c.expect(open); err != nil {
		return err
	}
	if c.depth++; c.depth > maxDepth {
		return invalid("not valid JSON: nested deeper than %d", maxDepth)
	}
	defer func() { c.depth-- }()
	if c.token() == shut {
		c.at++
		return nil
	}
	for i := 0; ; i++ {
		if err := item(i); err != nil {
			return err
		}
		if c.token() == shut {
			c.at++
			return nil
		}
		if err := c.expect(','); err != nil {
			return err
		}
	}
}

// text reads a string; field names it in errors.
func (c *cursor) text(field string) (string, error) {
	if c.token() != '"' {
		return "", invalid("%s: a text expected at %s", fieldName(field), c.what())
	}
	start, plain := c.at, true
	for c.at++; c.at < len(c.data); c.at++ {
		switch b := c.data[c.at]; {
		case b == '"':
			c.at++
			raw := c.data[start:c.at]
			if plain && utf8.Valid(raw) {
				return string(raw[1 : len(raw)-1]), nil
			}
			var out string
			if err := json.Unmarshal(raw, &out); err != nil {
				return "", invalid("%s: not valid JSON: %v", fieldName(field), err)
			}
			return out, nil
		case b == '\\':
			plain = false
			c.at++
		case b < ' ':
			return "", invalid("%s: not valid JSON: a control sign inside a text (byte %d)", fieldName(field), c.at)
		}
	}
	c.at = len(c.data)
	return "", invalid("%s: not valid JSON: the text is cut off", fieldName(field))
}

// word takes a literal such as null when it is next.
func (c *cursor) word(literal string) bool {
	c.token()
	end := c.at + len(literal)
	if end > len(c.data) || string(c.data[c.at:end]) != literal {
		return false
	}
	c.at = end
	return true
}

// skip takes any value; it checks the syntax all the same.
func (c *cursor) skip(field string) error {
	switch c.token() {
	case '{':
		return c.object(field, func(string) error { return c.skip(field) })
	case '[':
		return c.array(field, func(int) error { return c.skip(field) })
	case '"':
		_, err := c.text(field)
		return err
	}
	if c.word("null") || c.word("true") || c.word("false") {
		return nil
	}
	_, err := c.float64(field)
	return err
}

// raw takes any value and gives its bytes.
func (c *cursor) raw(field string) ([]byte, error) {
	c.token()
	start := c.at
	if err := c.skip(field); err != nil {
		return nil, err
	}
	return c.data[start:c.at], nil
}

func fieldName(field string) string {
	if field == "" {
		return "the body"
	}
	return field
}

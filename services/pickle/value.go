package pickle

type kind uint8

const (
	opaque   kind = iota // data whose value does not matter
	number               // an integer
	text                 // a str
	tuple                //
	list                 //
	dict                 //
	set                  //
	global               // a name that was imported
	object               // what a call gave
	external             // a persistent id or a buffer
	unknown              // what the machine has forgotten or cannot know
)

// Value is a symbol for what a pickle makes.
type Value struct {
	kind  kind
	long  bool   // a text, of which only the start is kept, or a container, of which the first items are
	deep  uint8  // levels of containers below
	text  string // a str, or an integer's bytes
	n     int64
	items []*Value // of a tuple; of a dict, keys and values in turn
	from  *Value   // an object: what was called
	args  *Value   // an object: with what
	state *Value   // an object: what BUILD gave it
	use   *Global
}

// Global gives the name that a value stands for; nil where it is none.
func (v *Value) Global() *Global {
	if v == nil || v.kind != global {
		return nil
	}
	return v.use
}

// Text gives a str; "" where the value is none.
func (v *Value) Text() string {
	if v == nil || v.kind != text || v.long {
		return ""
	}
	return v.text
}

// Int gives an integer that fits.
func (v *Value) Int() (int64, bool) {
	if v == nil || v.kind != number || v.text != "" {
		return 0, false
	}
	return v.n, true
}

// Long gives the little-endian bytes of an integer that was written so.
func (v *Value) Long() string {
	if v == nil || v.kind != number {
		return ""
	}
	return v.text
}

// Items gives what a tuple holds.
func (v *Value) Items() []*Value {
	if v == nil || v.kind != tuple || v.long {
		return nil
	}
	return v.items
}

// field gives the value of a dict's key.
func (v *Value) field(name string) *Value {
	if v == nil || v.kind != dict {
		return nil
	}
	for i := 0; i+1 < len(v.items); i += 2 {
		if v.items[i].Text() == name {
			return v.items[i+1]
		}
	}
	return nil
}

// What is kept of containers: enough for a dtype, a shape and a wrapper.
const (
	maxItems = 32
	maxDeep  = 12
	maxText  = 1024
)

// The values that need no place of their own.
var (
	data      = &Value{kind: opaque}
	forgotten = &Value{kind: unknown}
	outside   = &Value{kind: external}
	small     = func() (all [256]*Value) {
		for i := range all {
			all[i] = &Value{kind: number, n: int64(i)}
		}
		return all
	}()
)

func integer(n int64) *Value {
	if n >= 0 && n < int64(len(small)) {
		return small[n]
	}
	return &Value{kind: number, n: n}
}

// contain gives a tuple of values, or the start of it.
func contain(items []*Value) *Value {
	v := &Value{kind: tuple}
	v.add(items)
	return v
}

// add puts items into a container, as far as they are kept.
func (v *Value) add(items []*Value) {
	if room := maxItems - len(v.items); len(items) > room {
		items, v.long = items[:room], true
	}
	for _, item := range items {
		if item.deep >= maxDeep {
			item, v.long = forgotten, true
		}
		v.deep = max(v.deep, item.deep+1)
		v.items = append(v.items, item)
	}
}

// size is about what a value of its own takes in memory.
func (v *Value) size() int64 {
	switch v {
	case data, forgotten, outside:
		return 0
	default:
		return int64(144 + len(v.text) + 8*len(v.items))
	}
}

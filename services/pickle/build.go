package pickle

import "strings"

var empties = map[kind]*Value{tuple: {kind: tuple}, list: {kind: list}, set: {kind: set}}

func empty(k kind) func(*machine) error {
	return func(m *machine) error {
		if k == dict { // the only one that is changed later
			m.push(&Value{kind: k})
		} else {
			m.push(empties[k])
		}
		return nil
	}
}

func marked(k kind) func(*machine) error {
	return func(m *machine) error {
		v := &Value{kind: k}
		if items := m.popMark(); k == tuple || k == dict {
			v.add(items)
		}
		m.push(v)
		return nil
	}
}

func tupleOf(n int) func(*machine) error {
	return func(m *machine) error {
		items := make([]*Value, n)
		for i := n - 1; i >= 0; i-- {
			items[i] = m.pop()
		}
		m.push(contain(items))
		return nil
	}
}

// own gives the top to be changed: a copy, on a reading beside another.
func (m *machine) own(v *Value) *Value {
	if !m.guest || len(m.stack) == 0 {
		return v
	}
	other := *v
	other.items = append([]*Value(nil), v.items...)
	m.stack[len(m.stack)-1] = &other
	return &other
}

// grow notes that something is put into a value: into what is no container
// that unpickling made, it calls methods of it.
func (m *machine) grow(v *Value) {
	if v.kind == global {
		m.trouble(Undetermined, "it puts items into %s itself", v.use)
	}
}

func opAppend(m *machine) error {
	m.pop()
	m.grow(m.top())
	return nil
}

func opAppends(m *machine) error {
	m.popMark()
	m.grow(m.top())
	return nil
}

func opSetItem(m *machine) error {
	value, key := m.pop(), m.pop()
	m.set(m.top(), []*Value{key, value})
	return nil
}

func opSetItems(m *machine) error {
	items := m.popMark()
	m.set(m.top(), items)
	return nil
}

func (m *machine) set(v *Value, items []*Value) {
	if v.kind == dict {
		m.own(v).add(items)
	}
	m.grow(v)
}

func opPersID(m *machine) error {
	_, _, err := m.line()
	m.report.Persistent = true
	m.push(outside)
	return err
}

func opBinPersID(m *machine) error {
	m.pop()
	m.report.Persistent = true
	m.push(outside)
	return nil
}

func opBuffer(m *machine) error {
	m.push(outside)
	return nil
}

func opReadOnly(m *machine) error {
	m.top()
	return nil
}

// names reads the two lines of a global.
func (m *machine) names() (*Value, error) {
	module, whole, err := m.line()
	if err != nil {
		return nil, err
	}
	name, all, err := m.line()
	if err != nil {
		return nil, err
	}
	if !whole || !all {
		m.trouble(Undetermined, "it imports %.40s… from %.40s…, names that are too long", name, module)
		return forgotten, nil
	}
	return m.find(module, name, ""), nil
}

func opGlobal(m *machine) error {
	v, err := m.names()
	if err != nil {
		return err
	}
	m.push(v)
	return nil
}

func opStackGlobal(m *machine) error {
	name, module := m.pop(), m.pop()
	if name.Text() == "" || module.Text() == "" {
		m.trouble(Undetermined, "it imports %s from %s", described(name), described(module))
		m.push(forgotten)
		return nil
	}
	m.push(m.find(module.text, name.text, ""))
	return nil
}

// described says what is known of a name.
func described(v *Value) string {
	switch {
	case v.kind == text && !v.long:
		return strings.ToValidUTF8(v.text, "\uFFFD")
	case v.kind == text:
		return "a name that is too long"
	case v.kind == object && v.from.Global() != nil:
		return "a name that " + v.from.use.String() + " gives"
	default:
		return "a name that cannot be determined"
	}
}

func opInst(m *machine) error {
	callee, err := m.names()
	if err != nil {
		return err
	}
	m.push(m.call(callee, contain(m.popMark())))
	return nil
}

func opObj(m *machine) error {
	items := m.popMark()
	if len(items) == 0 {
		m.trouble(Malformed, "it makes an object of nothing")
		m.push(forgotten)
		return nil
	}
	m.push(m.call(items[0], contain(items[1:])))
	return nil
}

// opReduce is REDUCE and NEWOBJ: a callable and its arguments.
func opReduce(m *machine) error {
	args, callee := m.pop(), m.pop()
	m.push(m.call(callee, args))
	return nil
}

func opNewObjEx(m *machine) error {
	m.pop()
	return opReduce(m)
}

// opBuild gives an object its state. On what is no object of this pickle's
// making, it sets attributes of a class or a module.
func opBuild(m *machine) error {
	state := m.pop()
	v := m.top()
	switch v.kind {
	case object:
		v = m.own(v)
		if v.state = state; state.deep >= maxDeep {
			v.state = forgotten
		}
		v.deep = max(v.deep, v.state.deep+1)
		m.wrapped(v)
	case global:
		m.trouble(Undetermined, "it sets attributes of %s itself", v.use)
	default:
	}
	return nil
}

func extBy(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(size)
		if err != nil {
			return err
		}
		m.trouble(Undetermined, "it imports what the extension registry has under %d", n)
		m.push(forgotten)
		return nil
	}
}

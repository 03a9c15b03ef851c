package pickle

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxStack bounds the values that wait on the stack; a list or a dict is
// written in pieces of a thousand, so only a tuple comes near it.
const maxStack = 2 << 20

// machine follows one pickle.
type machine struct {
	input
	acts   *[256]func(*machine) error
	report Report
	stack  []*Value
	marks  []int // heights of the stack where a MARK stands
	memo   memo
	uses   map[string]*Global
	order  []*Global
	proto  byte
	op     int64 // offset of the opcode at hand
	frame  int64 // end of the frame that it stands in
	holes  []hole
	plain  bool   // it reads as pickle.load does, which knows no arrays of joblib
	guest  bool   // it reads beside another, whose values it must not change
	detour *int64 // opcodes left for readings beside this one
}

// hole is a part that joblib reads as an array, not as opcodes.
type hole struct{ from, to int64 }

// maxDetour bounds the opcodes of all readings beside the first.
const maxDetour = 1 << 20

var errStop = errors.New("stop")

// Read follows the pickle that begins at an offset of a file with that size. An
// error is the file's: it could not be read.
func Read(src io.ReaderAt, offset, size int64) (Report, error) {
	left := int64(maxDetour)
	m := &machine{input: input{src: src, pos: offset, end: size}, acts: &opcodes, uses: map[string]*Global{}, detour: &left}
	m.run(-1)
	return m.done()
}

func (m *machine) done() (Report, error) {
	m.report.End = m.pos
	for _, g := range m.order {
		m.report.Globals = append(m.report.Globals, *g)
	}
	return m.report, m.err
}

// run follows opcodes until STOP, the end, or what ends all reading; at most
// most of them where that is not negative.
func (m *machine) run(most int64) {
	for most < 0 || m.report.Opcodes < most {
		m.skipHoles()
		m.op = m.pos
		code, err := m.byte()
		if err != nil {
			m.trouble(Malformed, "it ends without a STOP")
			return
		}
		m.report.Opcodes++
		act := m.acts[code]
		if act == nil {
			m.trouble(Malformed, "0x%02x is no opcode", code)
			m.pos = m.op
			return
		}
		switch err := act(m); {
		case err == nil:
		case errors.Is(err, errStop):
			m.report.Stopped = true
			return
		default:
			m.trouble(Malformed, "%v", err)
			return
		}
		if len(m.stack) > maxStack || len(m.marks) > maxStack {
			m.trouble(Limit, "it holds more values than can be followed")
			return
		}
	}
	m.trouble(Limit, "it is too long to be read in another way too")
}

func (m *machine) skipHoles() {
	for i := 0; i < len(m.holes); i++ {
		if h := m.holes[i]; m.pos == h.from {
			m.pos = h.to
			m.holes = slices.Delete(m.holes, i, i+1)
			i = -1
		}
	}
}

func (m *machine) trouble(kind TroubleKind, format string, args ...any) {
	if len(m.report.Troubles) < maxTroubles {
		m.report.Troubles = append(m.report.Troubles, Trouble{Kind: kind, Offset: m.op, Message: fmt.Sprintf(format, args...)})
	}
}

func (m *machine) push(v *Value) { m.stack = append(m.stack, v) }

// floor is the height below which nothing can be taken: the last MARK.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

// pop takes the top. A stack that is too short stops unpickling, so that is
// told; the machine goes on, since implementations differ in when they notice.
func (m *machine) pop() *Value {
	if len(m.stack) <= m.floor() {
		m.trouble(Malformed, "it takes more from the stack than is there")
		return forgotten
	}
	v := m.stack[len(m.stack)-1]
	m.stack = m.stack[:len(m.stack)-1]
	return v
}

func (m *machine) top() *Value {
	if len(m.stack) <= m.floor() {
		m.trouble(Malformed, "it takes more from the stack than is there")
		return forgotten
	}
	return m.stack[len(m.stack)-1]
}

// popMark takes what lies above the last MARK, valid until the next push.
func (m *machine) popMark() []*Value {
	if len(m.marks) == 0 {
		m.trouble(Malformed, "there is no MARK to go back to")
		return nil
	}
	at := m.floor()
	m.marks = m.marks[:len(m.marks)-1]
	items := m.stack[at:]
	m.stack = m.stack[:at]
	return items
}

// find gives a global by its name, and notes it.
func (m *machine) find(module, name, via string) *Value {
	module, name = modern(module, name)
	id := module + "\x00" + name
	g, ok := m.uses[id]
	if !ok {
		g = &Global{Module: module, Name: name, Offset: m.op, Via: via}
		if len(m.order) < maxGlobals {
			m.uses[id] = g
			m.order = append(m.order, g)
		} else {
			m.trouble(Limit, "it names more than %d globals", maxGlobals)
		}
	}
	if g.Aside && via == "" && !m.guest { // this reading comes to it as well
		g.Aside = false
	}
	return &Value{kind: global, use: g}
}

// older maps what Python 2 called modules to what Python 3 does, as far as
// honest pickles name them.
var older = map[string]string{"__builtin__": "builtins", "copy_reg": "copyreg", "exceptions": "builtins"}

func modern(module, name string) (newModule, newName string) {
	if module == "__builtin__" {
		switch name {
		case "xrange":
			name = "range"
		case "unicode":
			name = "str"
		case "long":
			name = "int"
		}
	}
	return cmp.Or(older[module], module), name
}

// call notes that a value is called, and gives what comes of it.
func (m *machine) call(callee, args *Value) *Value {
	switch callee.kind {
	case global:
		callee.use.Called = true
		m.report.Executes = true
		if v := m.resolve(callee.use, args); v != nil {
			return v
		}
	case object:
		if callee.from.Global() == nil {
			m.trouble(Undetermined, "it calls what a call gave")
		} else {
			m.trouble(Undetermined, "it calls what %s gave", callee.from.use)
		}
		m.report.Executes = true
	default:
		m.trouble(Undetermined, "it calls what cannot be determined")
		m.report.Executes = true
	}
	v := &Value{kind: object, from: callee, args: args}
	if callee.deep < maxDeep {
		v.deep = callee.deep + 1
	} else {
		v.from = forgotten
	}
	if args != nil {
		if args.deep >= maxDeep {
			v.args = forgotten
		} else {
			v.deep = max(v.deep, args.deep+1)
		}
	}
	return v
}

// resolve follows the callables that give another callable by name, so that a
// report can say which.
func (m *machine) resolve(g *Global, args *Value) *Value {
	in := args.Items()
	switch g.String() {
	case "builtins.getattr", "_operator.getitem", "operator.getitem":
		if len(in) >= 2 && in[1].Text() != "" {
			if of := in[0].Global(); of != nil {
				return m.find(of.Module, strings.TrimPrefix(of.Name+"."+in[1].Text(), "."), g.String())
			}
		}
	case "importlib.import_module", "builtins.__import__", "importlib.__import__":
		if len(in) >= 1 && in[0].Text() != "" {
			return m.find(in[0].Text(), "", g.String())
		}
	case "pkgutil.resolve_name", "pydoc.locate":
		if len(in) >= 1 && in[0].Text() != "" {
			name := strings.ReplaceAll(in[0].Text(), ":", ".")
			dot := strings.LastIndexByte(name, '.')
			return m.find(name[:max(dot, 0)], name[dot+1:], g.String())
		}
	}
	return nil
}

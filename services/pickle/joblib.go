package pickle

import (
	"math"
	"math/bits"
	"strconv"
)

// joblib writes an array's bytes into the middle of the pickle, behind the
// wrapper that describes it. Other loaders read on there, so both readings are
// followed.
const wrapperModule, wrapperName = "joblib.numpy_pickle", "NumpyArrayWrapper"

// wrapped jumps over the array of a wrapper that has just got its state.
func (m *machine) wrapped(v *Value) {
	if v.kind != object || m.plain {
		return
	}
	if g := v.from.Global(); g == nil || g.Module != wrapperModule || g.Name != wrapperName {
		return
	}
	m.beside()
	start := max(m.frame, m.pos)
	for _, h := range m.holes {
		if h.from == m.frame && m.frame > m.pos {
			start = max(start, h.to)
		}
	}
	end, ok := m.array(v.state, start)
	if !ok {
		m.trouble(Undetermined, "joblib would read an array here whose size cannot be determined")
		return
	}
	m.holes = append(m.holes, hole{start, end})
	m.stack[len(m.stack)-1] = data // the memo keeps the wrapper
}

// beside follows what a loader that knows no wrappers would do with the bytes
// of the array; what calls something there is noted.
func (m *machine) beside() {
	if *m.detour <= 0 {
		return
	}
	other := &machine{
		acts: m.acts, plain: true, guest: true, input: input{src: m.src, pos: m.pos, end: m.end, buf: append([]byte(nil), m.buf...), from: m.from, to: m.to},
		stack: append([]*Value(nil), m.stack...), marks: append([]int(nil), m.marks...),
		memo: memo{base: &m.memo, count: m.memo.count}, uses: map[string]*Global{}, proto: m.proto,
	}
	other.run(*m.detour)
	if *m.detour -= other.report.Opcodes; *m.detour <= 0 {
		m.trouble(Limit, "it has too many arrays to be read in another way too")
	}
	if other.report.Executes && len(other.order) > 0 {
		for _, g := range other.order {
			if g.Called && plausible(g.Module) && plausible(g.Name) {
				m.aside(g)
			}
		}
	}
}

// aside notes a global that another reading calls.
func (m *machine) aside(g *Global) {
	if _, ok := m.uses[g.Module+"\x00"+g.Name]; ok {
		return
	}
	v := m.find(g.Module, g.Name, g.Via)
	v.use.Called, v.use.Aside, v.use.Offset = true, true, g.Offset
}

// array gives where an array ends that begins at start.
func (m *machine) array(state *Value, start int64) (int64, bool) {
	shape, dtype := state.field("shape"), state.field("dtype")
	if shape == nil || shape.kind != tuple || shape.long || dtype == nil || dtype.kind != object {
		return 0, false
	}
	size, objects, ok := itemSize(dtype)
	if !ok {
		return 0, false
	}
	if objects {
		inner := &machine{acts: m.acts, input: input{src: m.src, pos: start, end: m.end}, uses: m.uses, order: m.order, plain: true}
		inner.run(-1)
		m.order = inner.order
		m.report.Troubles = append(m.report.Troubles, inner.report.Troubles...)
		m.report.Executes = m.report.Executes || inner.report.Executes
		return inner.pos, inner.report.Stopped
	}
	total := uint64(size)
	for _, item := range shape.items {
		n, ok := item.Int()
		if !ok || n < 0 {
			return 0, false
		}
		over, product := bits.Mul64(total, uint64(n))
		if over != 0 || product > math.MaxInt64 {
			return 0, false
		}
		total = product
	}
	if _, aligned := state.field("numpy_array_alignment_bytes").Int(); aligned {
		var padding [1]byte
		if _, err := m.src.ReadAt(padding[:], start); err != nil {
			return 0, false
		}
		start += 1 + int64(padding[0])
	}
	if start > m.end || total > uint64(m.end-start) {
		return 0, false
	}
	return start + int64(total), true
}

// itemSize gives the size of a dtype's element, and whether it holds Python
// objects. The dtype is numpy.dtype(code, align, copy) with its state.
func itemSize(dtype *Value) (size int64, objects, ok bool) {
	g, args := dtype.from.Global(), dtype.args.Items()
	if g == nil || g.Module != "numpy" || g.Name != "dtype" || len(args) == 0 {
		return 0, false, false
	}
	code := args[0].Text()
	if state := dtype.state.Items(); len(state) >= 8 {
		flags, known := state[7].Int()
		if !known {
			return 0, false, false
		}
		objects = flags&1 != 0
	}
	if len(code) < 2 {
		return 0, false, false
	}
	n, err := strconv.ParseInt(code[1:], 10, 32)
	if err != nil || n < 0 {
		return 0, false, false
	}
	switch code[0] {
	case 'O':
		return n, true, true
	case 'U':
		return 4 * n, objects, true
	case 'b', 'i', 'u', 'f', 'c', 'S', 'V', 'M', 'm':
		return n, objects, true
	default:
		return 0, false, false
	}
}

// plausible tells whether something can be the dotted name of a thing in
// Python, rather than noise.
func plausible(name string) bool {
	if name == "" || len(name) > 255 {
		return false
	}
	for i, r := range name {
		letter := r == '_' || r == '.' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127 && r != 0xFFFD
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return true
}

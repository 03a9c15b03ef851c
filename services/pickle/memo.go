package pickle

// memo is where a pickle keeps values by number.
type memo struct {
	dense  []*Value          // the numbers that come one after another
	sparse map[uint64]*Value // the others
	base   *memo             // read, never written: what was there before a detour
	count  uint64            // distinct numbers, which is what MEMOIZE gives next
	bytes  int64
	lossy  bool // it has left something out
}

// What a memo holds; what is beyond is forgotten. A pickler numbers in a row.
const (
	maxDense  = 1 << 24
	maxSparse = 1 << 20
	maxBytes  = 128 << 20
)

func (m *memo) own(n uint64) *Value {
	if n < uint64(len(m.dense)) {
		return m.dense[n]
	}
	return m.sparse[n]
}

func (m *memo) get(n uint64) *Value {
	if v := m.own(n); v != nil {
		return v
	}
	if m.base != nil {
		return m.base.get(n)
	}
	if m.lossy {
		return forgotten
	}
	return nil
}

func (m *memo) put(n uint64, v *Value) {
	if old := m.get(n); old == nil || (m.lossy && old == forgotten) {
		m.count++
	}
	if m.bytes += v.size(); m.bytes > maxBytes && v.kind != global {
		v = forgotten
	}
	switch {
	case n < uint64(len(m.dense)):
		m.dense[n] = v
	case n == uint64(len(m.dense)) && n < maxDense && m.base == nil:
		m.dense = append(m.dense, v)
	case len(m.sparse) >= maxSparse:
		m.lossy = true
	default:
		if m.sparse == nil {
			m.sparse = map[uint64]*Value{}
		}
		m.sparse[n] = v
	}
}

package pickle

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// opcodes says what each opcode does to the machine. An error ends the reading.
var opcodes = [256]func(*machine) error{
	// frame and end
	0x80: opProto, 0x95: opFrame, '.': opStop,
	// stack
	'(': opMark, '0': opPop, '1': opPopMark, '2': opDup,
	// memo
	'p': opPut, 'q': putBy(1), 'r': putBy(4), 0x94: opMemoize, 'g': opGet, 'h': getBy(1), 'j': getBy(4),
	// plain data
	'N': constant, 0x88: constant, 0x89: constant, 'F': opLine, 'G': skipBy(8),
	'I': opInt, 'L': opInt, 'J': intBy(4), 'K': intBy(1), 'M': intBy(2), 0x8a: longBy(1), 0x8b: longBy(4),
	'S': opString, 'T': stringBy(4), 'U': stringBy(1),
	'V': opUnicode, 'X': unicodeBy(4), 0x8c: unicodeBy(1), 0x8d: unicodeBy(8),
	'B': bytesBy(4), 'C': bytesBy(1), 0x8e: bytesBy(8), 0x96: bytesBy(8),
	// containers
	']': empty(list), '}': empty(dict), ')': empty(tuple), 0x8f: empty(set),
	'l': marked(list), 't': marked(tuple), 'd': marked(dict), 0x91: marked(set),
	0x85: tupleOf(1), 0x86: tupleOf(2), 0x87: tupleOf(3),
	'a': opAppend, 'e': opAppends, 0x90: opAppends, 's': opSetItem, 'u': opSetItems,
	// outside
	'P': opPersID, 'Q': opBinPersID, 0x97: opBuffer, 0x98: opReadOnly,
	// names and calls
	'c': opGlobal, 0x93: opStackGlobal, 'i': opInst, 'o': opObj, 'R': opReduce, 0x81: opReduce, 0x92: opNewObjEx, 'b': opBuild,
	0x82: extBy(1), 0x83: extBy(2), 0x84: extBy(4),
}

func opProto(m *machine) error {
	v, err := m.byte()
	if err != nil {
		return err
	}
	m.report.Framed = m.report.Framed || m.report.Opcodes == 1
	if m.proto = v; v > 5 {
		return fmt.Errorf("there is no pickle protocol %d", v)
	}
	return nil
}

func opFrame(m *machine) error {
	n, err := m.uint(8)
	if err != nil {
		return err
	}
	if n > uint64(m.end-m.pos) {
		m.trouble(Malformed, "a frame of %d bytes goes beyond the end", n)
		m.frame = m.end
		return nil
	}
	m.frame = m.pos + int64(n)
	return nil
}

func opStop(m *machine) error {
	m.report.Top = m.pop()
	return errStop
}

func opMark(m *machine) error {
	m.marks = append(m.marks, len(m.stack))
	return nil
}

func opPop(m *machine) error {
	if n := len(m.marks); n > 0 && m.marks[n-1] == len(m.stack) {
		m.marks = m.marks[:n-1]
		return nil
	}
	m.pop()
	return nil
}

func opPopMark(m *machine) error {
	m.popMark()
	return nil
}

func opDup(m *machine) error {
	m.push(m.top())
	return nil
}

func (m *machine) remember(n uint64) error {
	m.memo.put(n, m.top())
	return nil
}

// index reads a memo's number as Python's int() does.
func index(line string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ReplaceAll(strings.TrimSpace(line), "_", ""), "+"), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no place in the memo", line)
	}
	return n, nil
}

func opPut(m *machine) error {
	line, _, err := m.line()
	if err != nil {
		return err
	}
	n, err := index(line)
	if err != nil {
		return err
	}
	return m.remember(n)
}

func putBy(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(size)
		if err != nil {
			return err
		}
		return m.remember(n)
	}
}

func opMemoize(m *machine) error { return m.remember(m.memo.count) }

func (m *machine) recall(n uint64) error {
	v := m.memo.get(n)
	if v == nil {
		return fmt.Errorf("the memo holds nothing at %d", n)
	}
	m.push(v)
	return nil
}

func opGet(m *machine) error {
	line, _, err := m.line()
	if err != nil {
		return err
	}
	n, err := index(line)
	if err != nil {
		return err
	}
	return m.recall(n)
}

func getBy(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(size)
		if err != nil {
			return err
		}
		return m.recall(n)
	}
}

func constant(m *machine) error {
	m.push(data)
	return nil
}

func opLine(m *machine) error {
	_, _, err := m.line()
	m.push(data)
	return err
}

func skipBy(size uint64) func(*machine) error {
	return func(m *machine) error {
		m.push(data)
		return m.skip(size)
	}
}

func opInt(m *machine) error {
	line, whole, err := m.line()
	if err != nil {
		return err
	}
	n, parse := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), "L"), 10, 64)
	switch {
	case parse == nil && whole:
		m.push(integer(n))
	default:
		m.push(data)
	}
	return nil
}

func intBy(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(size)
		if err != nil {
			return err
		}
		if size == 4 {
			m.push(integer(int64(int32(n))))
			return nil
		}
		m.push(integer(int64(n)))
		return nil
	}
}

func longBy(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(size)
		if err != nil {
			return err
		}
		if n > math.MaxInt32 {
			return errors.New("an integer has a negative size")
		}
		kept, whole, err := m.take(n)
		switch {
		case err != nil:
			return err
		case whole && n <= 7:
			var v int64
			for i := len(kept) - 1; i >= 0; i-- {
				v = v<<8 | int64(kept[i])
			}
			if n > 0 && kept[n-1]&0x80 != 0 {
				v -= 1 << (8 * n)
			}
			m.push(integer(v))
		case whole:
			m.push(&Value{kind: number, text: kept})
		default:
			m.push(data)
		}
		return nil
	}
}

func (m *machine) pushText(s string, whole bool) {
	m.push(&Value{kind: text, text: s, long: !whole})
}

func opString(m *machine) error {
	line, whole, err := m.line()
	if err != nil {
		return err
	}
	s, ok := unquote(line)
	if !ok && whole {
		return errors.New("a string has no quotes")
	}
	m.pushText(latin(s), whole)
	return nil
}

func stringBy(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(size)
		if err != nil {
			return err
		}
		if n > math.MaxInt32 {
			return errors.New("a string has a negative size")
		}
		s, whole, err := m.take(n)
		m.pushText(latin(s), whole)
		return err
	}
}

func opUnicode(m *machine) error {
	line, whole, err := m.line()
	m.pushText(unescape(latin(line), "uU"), whole)
	return err
}

func unicodeBy(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(size)
		if err != nil {
			return err
		}
		s, whole, err := m.take(n)
		m.pushText(s, whole)
		return err
	}
}

func bytesBy(size int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(size)
		if err != nil {
			return err
		}
		m.push(data)
		return m.skip(n)
	}
}

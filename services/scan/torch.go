package scan

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/slipway-ml/slipway/services/pickle"
)

// torchMagic begins PyTorch's format before 1.6: three pickles (this number, a
// version, the machine), the object, the keys of its storages, then their bytes.
const torchMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"

// legacyTar knows the members of PyTorch's first format, a tar, whose pickles
// have bytes between them.
func legacyTar(name string) bool { return name == "storages" || name == "tensors" }

// legacyMember follows them: a count, and for each a pickle and its bytes.
func (s *Scanner) legacyMember(it item) error {
	count, at, err := s.legacyPickle(it, 0)
	if err != nil || at < 0 {
		return err
	}
	n, ok := count.Int()
	if !ok {
		return s.pickleAt(it, at, true)
	}
	for range n {
		top, next, err := s.legacyPickle(it, at)
		if err != nil || next < 0 {
			return err
		}
		if at, ok = skipTensor(it, top, next); !ok {
			s.unread(it, "the bytes of a tensor behind %d cannot be told from a pickle", next)
			return nil
		}
	}
	if at < it.size {
		return s.pickleAt(it, at, true) // the views of the storages
	}
	return nil
}

func (s *Scanner) legacyPickle(it item, at int64) (*pickle.Value, int64, error) {
	report, err := pickle.Read(it.source, at, it.size)
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", it.where, err)
	}
	s.Counts.Pickles++
	s.judge(it, report, true)
	if !report.Stopped {
		return nil, -1, nil
	}
	return report.Top, report.End, nil
}

// skipTensor gives the end of the bytes behind a pickle: a storage (key,
// location, type) has a length and its elements, a tensor (key, storage, type)
// its dimensions, sizes, strides and offset.
func skipTensor(it item, top *pickle.Value, at int64) (int64, bool) {
	in := top.Items()
	if len(in) != 3 || in[2].Global() == nil {
		return 0, false
	}
	word := make([]byte, 8)
	if _, err := it.ReadAt(word, at); err != nil {
		return 0, false
	}
	name := in[2].Global().Name
	if it.name == "tensors" {
		dimensions := int64(binary.LittleEndian.Uint32(word))
		end := at + 8 + 16*dimensions + 8
		return end, end <= it.size
	}
	elements := int64(binary.LittleEndian.Uint64(word))
	size, ok := elementSizes[strings.TrimSuffix(name, "Storage")]
	if !ok || elements < 0 || elements > it.size {
		return 0, false
	}
	end := at + 8 + elements*size
	return end, end <= it.size
}

var elementSizes = map[string]int64{
	"Double": 8, "Float": 4, "Half": 2, "Long": 8, "Int": 4, "Short": 2, "Char": 1, "Byte": 1, "Bool": 1, "BFloat16": 2,
}

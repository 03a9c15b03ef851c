package scan

import (
	"encoding/binary"
	"regexp"

	"github.com/slipway-ml/slipway/models"
)

// objects finds a type of Python objects in an array's header.
var objects = regexp.MustCompile(`(descr['"]\s*:|,)\s*['"][|<>=]?O\d*['"]`)

// numpy reads the header of an array. One of Python objects is a pickle.
func (s *Scanner) numpy(it item, head []byte) error {
	at, size := int64(10), int64(0)
	switch {
	case len(head) >= 12 && head[6] == 1:
		size = int64(binary.LittleEndian.Uint16(head[8:]))
	case len(head) >= 12 && (head[6] == 2 || head[6] == 3):
		at, size = 12, int64(binary.LittleEndian.Uint32(head[8:]))
	default:
		s.note(it, models.RuleTensorsMalformed, damagedRemedy, "the header of the NumPy array does not hold")
		return s.pickleAt(it, min(at, it.size), false)
	}
	header, err := it.part(at, size).all(1 << 20)
	if err != nil {
		return err
	}
	if int64(len(header)) != size || len(header) == 0 {
		s.note(it, models.RuleTensorsMalformed, damagedRemedy, "the header of the NumPy array has %d bytes, more than there are", size)
		return nil
	}
	if objects.Match(header) {
		return s.pickleAt(it, at+size, true)
	}
	return s.pickleAt(it, at+size, false)
}

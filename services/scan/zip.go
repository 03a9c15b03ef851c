package scan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sort"

	"github.com/slipway-ml/slipway/models"
)

// Zip archives are read here, not by archive/zip: what matters is where readers
// disagree. zipfile goes by the directory, PyTorch's reader ignores flags and
// checksums, streaming readers go by the headers in front of the data.

const (
	localSign   = "PK\x03\x04"
	centralSign = "PK\x01\x02"
	endSign     = "PK\x05\x06"
)

// entry is a member as one of its two headers describes it.
type entry struct {
	name         string
	flags        uint16
	method       uint16
	crc          uint32
	packed, size int64
	header, data int64 // offsets
	mode         uint32
	hidden       bool // no directory lists it
}

// isZip looks at both ends: zip readers look for the directory at the end, and
// take what stands in front.
func isZip(it item, head []byte) bool {
	return magic(localSign, endSign)(it, head) || len(endsOf(it.source)) > 0
}

// endsOf finds the ends of directories in the last bytes, as far as a comment
// may reach.
func endsOf(src source) []int64 {
	from := max(src.size-65_557, 0)
	tail := make([]byte, src.size-from)
	if n, _ := src.ReadAt(tail, from); n < len(tail) || !bytes.Contains(tail, []byte(endSign)) {
		return nil
	}
	var ends []int64
	for at := 0; ; at++ {
		i := bytes.Index(tail[at:], []byte(endSign))
		if i < 0 {
			return ends
		}
		if at += i; len(tail)-at >= 22 {
			ends = append(ends, from+int64(at))
		}
	}
}

func (s *Scanner) zip(it item, _ []byte) error {
	var entries []entry
	directories := 0
	for _, end := range endsOf(it.source) {
		found, shift, ok := directory(it.source, end)
		if !ok {
			continue
		}
		if directories++; shift > 0 {
			s.note(it, models.RuleArchiveMalformed, polyglotRemedy, "%d bytes stand in front of a zip archive: it is two things at once", shift)
		}
		entries = append(entries, found...)
	}
	switch {
	case directories == 0:
		s.note(it, models.RuleArchiveMalformed, damagedRemedy, "it is a zip archive without a directory that holds")
	case directories > 1:
		s.note(it, models.RuleArchiveMalformed, polyglotRemedy, "it has %d zip directories: readers would unpack different files", directories)
	}
	entries, err := s.locate(it, entries)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, e := range entries {
		if names[e.name] && !e.hidden {
			s.note(it.member(e.name, source{}), models.RuleArchiveMalformed, polyglotRemedy, "the name stands in the archive more than once: readers would unpack different files")
		}
		names[e.name] = true
		if !s.counted(it) {
			return nil
		}
		if err := s.entry(it, e); err != nil {
			return err
		}
	}
	return nil
}

const (
	damagedRemedy  = "log the model again; a loader that does not check would read it all the same"
	polyglotRemedy = "no known library writes such a file: do not load it, and find out where it came from"
)

// directory reads the entries that an end of directory points to. shift is how
// many bytes stand in front of the archive.
func directory(src source, end int64) (entries []entry, shift int64, ok bool) {
	b := make([]byte, 22)
	if _, err := src.ReadAt(b, end); err != nil {
		return nil, 0, false
	}
	size, at := int64(binary.LittleEndian.Uint32(b[12:])), int64(binary.LittleEndian.Uint32(b[16:]))
	stop := end
	locator := make([]byte, 20)
	if _, err := src.ReadAt(locator, end-20); end >= 20 && err == nil && string(locator[:4]) == "PK\x06\x07" {
		wide := make([]byte, 56)
		for _, from := range []int64{int64(binary.LittleEndian.Uint64(locator[8:])), end - 76} {
			if from < 0 || from > end {
				continue
			}
			if _, err := src.ReadAt(wide, from); err == nil && string(wide[:4]) == "PK\x06\x06" {
				size, at, stop = int64(binary.LittleEndian.Uint64(wide[40:])), int64(binary.LittleEndian.Uint64(wide[48:])), from
				break
			}
		}
	}
	from := stop - size
	if size < 0 || from < 0 || size > 1<<30 {
		return nil, 0, false
	}
	shift = from - at
	r := io.NewSectionReader(src, from, size)
	fixed := make([]byte, 46)
	for left := size; left >= 46; {
		if _, err := io.ReadFull(r, fixed); err != nil || string(fixed[:4]) != centralSign {
			return nil, 0, false
		}
		n, x, c := int64(binary.LittleEndian.Uint16(fixed[28:])), int64(binary.LittleEndian.Uint16(fixed[30:])), int64(binary.LittleEndian.Uint16(fixed[32:]))
		more := make([]byte, n+x+c)
		if _, err := io.ReadFull(r, more); err != nil {
			return nil, 0, false
		}
		left -= 46 + n + x + c
		e := entry{
			flags: binary.LittleEndian.Uint16(fixed[8:]), method: binary.LittleEndian.Uint16(fixed[10:]), crc: binary.LittleEndian.Uint32(fixed[16:]),
			packed: int64(binary.LittleEndian.Uint32(fixed[20:])), size: int64(binary.LittleEndian.Uint32(fixed[24:])),
			header: int64(binary.LittleEndian.Uint32(fixed[42:])), mode: binary.LittleEndian.Uint32(fixed[38:]) >> 16, name: string(more[:n]),
		}
		e.widen(more[n:n+x], true)
		e.header += shift
		entries = append(entries, e)
	}
	return entries, shift, shift >= 0
}

// widen takes the sizes of more than 4 GiB from the extra field.
func (e *entry) widen(extra []byte, central bool) {
	for len(extra) >= 4 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; n > len(extra) {
			return
		}
		if id == 1 {
			field := extra[:n]
			for _, v := range []*int64{&e.size, &e.packed, &e.header} {
				if *v == 0xffffffff && len(field) >= 8 && (central || v != &e.header) {
					*v, field = int64(binary.LittleEndian.Uint64(field)), field[8:]
				}
			}
		}
		extra = extra[n:]
	}
}

// local reads the header in front of an entry's data.
func local(src source, at int64) (e entry, ok bool) {
	fixed := make([]byte, 30)
	if _, err := src.ReadAt(fixed, at); err != nil || string(fixed[:4]) != localSign {
		return e, false
	}
	n, x := int64(binary.LittleEndian.Uint16(fixed[26:])), int64(binary.LittleEndian.Uint16(fixed[28:]))
	more := make([]byte, n+x)
	if _, err := src.ReadAt(more, at+30); err != nil && len(more) > 0 {
		return e, false
	}
	e = entry{
		flags: binary.LittleEndian.Uint16(fixed[6:]), method: binary.LittleEndian.Uint16(fixed[8:]), crc: binary.LittleEndian.Uint32(fixed[14:]),
		packed: int64(binary.LittleEndian.Uint32(fixed[18:])), size: int64(binary.LittleEndian.Uint32(fixed[22:])),
		name: string(more[:n]), header: at, data: at + 30 + n + x,
	}
	e.widen(more[n:], false)
	return e, true
}

// locate finds the data of listed entries, holds their two headers against
// each other, and adds the entries that no directory lists.
func (s *Scanner) locate(it item, entries []entry) ([]entry, error) {
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].header < entries[j].header })
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a == b })
	var all []entry
	end := int64(0)
	for _, e := range entries {
		in, ok := local(it.source, e.header)
		if !ok || e.packed < 0 || in.data+e.packed > it.size {
			s.damaged(it.member(e.name, source{}), fmt.Errorf("its data is not where the directory says"))
			continue
		}
		e.data = in.data
		s.agree(it, e, in, &all)
		switch {
		case e.header > end:
			if err := s.gap(it, end, e.header, &all); err != nil {
				return nil, err
			}
		case e.header < end:
			s.note(it.member(e.name, source{}), models.RuleArchiveBomb, polyglotRemedy, "its data overlaps another entry's")
		}
		end = max(end, e.data+e.packed)
		all = append(all, e)
	}
	if len(entries) == 0 { // no directory: what a streaming reader would find
		return all, s.gap(it, 0, it.size, &all)
	}
	return all, nil
}

// agree tells where the header in front of the data says otherwise than the
// directory, and adds what it says as an entry of its own.
func (s *Scanner) agree(it item, e, in entry, all *[]entry) {
	later := in.flags&8 != 0 // sizes follow the data
	var differ []string
	for what, differs := range map[string]bool{
		"the name": e.name != in.name, "the method": e.method != in.method, "the encryption": e.flags&1 != in.flags&1,
		"the sizes": !later && (e.packed != in.packed || e.size != in.size) && in.packed != 0xffffffff, "the checksum": !later && e.crc != in.crc,
	} {
		if differs {
			differ = append(differ, what)
		}
	}
	if len(differ) == 0 {
		return
	}
	slices.Sort(differ)
	s.note(it.member(e.name, source{}), models.RuleArchiveMalformed, polyglotRemedy,
		"the archive's directory and the entry's own header differ in %v: readers would unpack different files", differ)
	if in.name != e.name || in.method != e.method || (!later && in.packed != e.packed) {
		in.hidden = true
		if later || in.packed <= 0 || in.data+in.packed > it.size {
			in.packed, in.size = e.packed, e.size
		}
		*all = append(*all, in)
	}
}

// gap looks for entries between the listed ones.
func (s *Scanner) gap(it item, from, to int64, all *[]entry) error {
	for at := from; at < to; {
		i, err := index(it.source, []byte(localSign), at, to)
		if err != nil || i < 0 {
			return err
		}
		in, ok := local(it.source, i)
		if !ok || !methodKnown(in.method) || in.data > it.size {
			at = i + 4
			continue
		}
		in.hidden = true
		if in.packed <= 0 || in.data+in.packed > it.size || in.packed == 0xffffffff {
			in.packed, in.size = to-in.data, -1 // its size follows the data
		}
		s.note(it.member(in.name, source{}), models.RuleArchiveMalformed, polyglotRemedy, "the archive's directory does not list it, and readers that need no directory would unpack it")
		*all = append(*all, in)
		if len(*all) > s.opt.Limits.Members {
			return nil
		}
		at = in.data
		if in.size >= 0 {
			at += in.packed
		}
	}
	return nil
}

// index finds a sign in a part of content; -1 where it is not there.
func index(src source, sign []byte, from, to int64) (int64, error) {
	const step = 1 << 20
	buf := make([]byte, min(step+int64(len(sign)), to-from))
	for at := from; at < to; at += step {
		n, err := src.ReadAt(buf[:min(int64(len(buf)), to-at)], at)
		if err != nil && err != io.EOF { //nolint:errorlint // ReaderAt's own
			return -1, err
		}
		if i := bytes.Index(buf[:n], sign); i >= 0 {
			return at + int64(i), nil
		}
	}
	return -1, nil
}

// entry looks into one member.
func (s *Scanner) entry(it item, e entry) error {
	inner := it.member(e.name, it.part(e.data, e.packed))
	s.within(inner, e.name)
	if e.mode&0o170000 == 0o120000 {
		s.note(inner, models.RuleArchiveLink, "register the file that it points to", "it is a symbolic link")
	}
	if e.packed == 0 {
		return nil
	}
	if e.flags&1 != 0 {
		s.unread(inner, "it is marked as encrypted")
		inner.plain = true // it is looked into all the same: some loaders ignore the mark
	}
	raw := it.part(e.data, e.packed)
	if e.method == 0 {
		if !e.hidden && e.flags&1 == 0 {
			if err := s.sum(inner, raw, e.crc); err != nil {
				return err
			}
		}
		return s.look(inner)
	}
	open, ok := methods[e.method]
	if !ok {
		s.unread(inner, "it is compressed by method %d, which is not read here", e.method)
		return nil
	}
	r, err := open(raw.stream())
	if err != nil {
		s.damaged(inner, err)
		return nil
	}
	check := &summed{r: r, want: e.crc, size: e.size, off: e.hidden || e.flags&1 != 0}
	return s.unpack(it, e.name, e.packed, check)
}

// sum holds an entry that is not compressed against its checksum.
func (s *Scanner) sum(it item, src source, want uint32) error {
	h := crc32.NewIEEE()
	buf := make([]byte, 256<<10)
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{src.stream()}, buf); err != nil {
		return fmt.Errorf("read %s: %w", it.where, err)
	}
	if h.Sum32() != want {
		s.damaged(it, fmt.Errorf("its checksum is %08x, the archive says %08x", h.Sum32(), want))
	}
	return nil
}

// summed holds what is unpacked against its checksum at the end.
type summed struct {
	r    io.Reader
	got  uint32
	n    int64
	want uint32
	size int64
	off  bool
}

// Read implements io.Reader.
func (c *summed) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.got, c.n = crc32.Update(c.got, crc32.IEEETable, p[:n]), c.n+int64(n)
	if err == io.EOF && !c.off && (c.got != c.want || c.n != c.size) {
		return n, fmt.Errorf("its checksum is %08x and its size %d, the archive says %08x and %d", c.got, c.n, c.want, c.size)
	}
	return n, err
}

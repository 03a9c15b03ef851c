package scan

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// look finds out what content is, in all ways in which it could be read, and
// looks into it. An error is the version's source: it cannot be read.
func (s *Scanner) look(it item) (err error) {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if it.size == 0 {
		return nil
	}
	if it.depth > s.opt.Limits.Depth {
		s.note(it, models.RuleArchiveBomb, "register the files unpacked", "it is nested more than %d deep: no further looked into", s.opt.Limits.Depth)
		return nil
	}
	defer func() {
		if r := recover(); r != nil { // a decoder that foreign bytes broke
			s.unread(it, "it could not be looked into: a decoder broke down: %v", r)
		}
	}()
	head, err := it.head(4096)
	if err != nil {
		return fmt.Errorf("read %s: %w", it.where, err)
	}
	known := false // it is something else than a pickle
	for _, f := range formats {
		if !f.is(it, head) {
			continue
		}
		known = known || f.whole
		if err := f.look(s, it, head); err != nil {
			return err
		}
	}
	return s.pickles(it, head, known)
}

// format is a kind of content.
type format struct {
	is    func(it item, head []byte) bool
	look  func(s *Scanner, it item, head []byte) error
	whole bool // what is it is no pickle, unless it is so by its opcodes too
}

// formats are tried in turn, and all that fit apply. A new one is a line here.
// A function, since they look into one another.
var formats []format

func init() { //nolint:gochecknoinits // the formats refer to look, which refers to them
	formats = []format{
		{isZip, (*Scanner).zip, true},
		{magic("7z\xbc\xaf\x27\x1c"), (*Scanner).sevenZip, true},
		{isTar, (*Scanner).tar, true},
		{isCompressed, (*Scanner).compressed, true},
		{isUnsupported, (*Scanner).unsupported, true},
		{magic("\x93NUMPY"), (*Scanner).numpy, true},
		{isHDF5, (*Scanner).hdf5, true},
		{isSafetensors, (*Scanner).safetensors, true},
		{isNative, (*Scanner).native, true},
		{named(".onnx"), (*Scanner).onnx, true},
		{isSavedModel, (*Scanner).savedModel, true},
		{isText, (*Scanner).text, false},
	}
}

func magic(signs ...string) func(item, []byte) bool {
	return func(_ item, head []byte) bool {
		return slices.ContainsFunc(signs, func(sign string) bool { return bytes.HasPrefix(head, []byte(sign)) })
	}
}

func named(exts ...string) func(item, []byte) bool {
	return func(it item, _ []byte) bool { return slices.Contains(exts, it.ext()) }
}

// isUnsupported knows archives that are not unpacked here.
func isUnsupported(_ item, head []byte) bool {
	return magic("Rar!\x1a\x07", "MSCF", "ZF0x", "\x1f\x9d", "\x1f\xa0", "LZIP", "**ACE**")(item{}, head)
}

func (s *Scanner) unsupported(it item, head []byte) error {
	s.unread(it, "it is compressed in a way that is not read here (%q)", head[:min(4, len(head))])
	return nil
}

package scan

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/bodgit/sevenzip"

	"github.com/slipway-ml/slipway/models"
)

// isTar knows a header by its checksum, with or without a magic.
func isTar(_ item, head []byte) bool {
	if len(head) < 512 || head[0] == 0 {
		return false
	}
	want, err := strconv.ParseInt(strings.Trim(string(head[148:156]), " \x00"), 8, 64)
	if err != nil {
		return false
	}
	sum := int64(8 * ' ')
	for i, b := range head[:512] {
		if i < 148 || i >= 156 {
			sum += int64(b)
		}
	}
	return sum == want
}

func (s *Scanner) tar(it item, _ []byte) error {
	stream := it.stream()
	r := tar.NewReader(stream)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return s.behindTar(it, stream)
		}
		if err != nil {
			if s.ctx.Err() != nil {
				return s.ctx.Err()
			}
			s.damaged(it, err)
			return nil
		}
		if !s.counted(it) {
			return nil
		}
		at, err := stream.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		inner := it.member(h.Name, it.part(at, h.Size))
		s.within(inner, h.Name)
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeDir:
		case tar.TypeSymlink, tar.TypeLink:
			s.note(inner, models.RuleArchiveLink, "register the file that it points to", "it is a link to %q", h.Linkname)
			continue
		default:
			s.note(inner, models.RuleArchiveLink, "do not unpack the archive", "it is neither a file nor a folder (type %q)", h.Typeflag)
			continue
		}
		if h.Typeflag == tar.TypeReg && legacyTar(h.Name) {
			err = s.legacyMember(inner)
		} else {
			err = s.look(inner)
		}
		if err != nil {
			return err
		}
	}
}

// behindTar looks at what stands behind the end of an archive, other than the
// zeros that fill its last block.
func (s *Scanner) behindTar(it item, stream io.ReadSeeker) error {
	at, err := stream.Seek(0, io.SeekCurrent)
	if err != nil || at >= it.size {
		return err
	}
	rest := it.part(at, it.size-at)
	head, err := rest.head(64 << 10)
	if err != nil || len(bytes.Trim(head, "\x00")) == 0 {
		return err
	}
	s.note(it, models.RuleTrailingData, polyglotRemedy, "%d bytes stand behind the end of the archive", rest.size)
	inner := it.member("behind the end", rest)
	inner.plain = true
	return s.look(inner)
}

func (s *Scanner) sevenZip(it item, _ []byte) error {
	r, err := sevenzip.NewReader(it.source, it.size)
	if err != nil {
		s.sevenZipError(it, err)
		return nil
	}
	for _, f := range r.File {
		if !s.counted(it) {
			return nil
		}
		inner := it.member(f.Name, source{})
		s.within(inner, f.Name)
		if !f.FileInfo().Mode().IsRegular() {
			if !f.FileInfo().IsDir() {
				s.note(inner, models.RuleArchiveLink, "register the file that it points to", "it is a link or a device")
			}
			continue
		}
		body, err := f.Open()
		if err != nil {
			s.sevenZipError(inner, err)
			continue
		}
		err = s.unpack(it, f.Name, it.size, body)
		_ = body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Scanner) sevenZipError(it item, err error) {
	var e *sevenzip.ReadError
	if errors.As(err, &e) && e.Encrypted {
		s.unread(it, "it is encrypted")
		return
	}
	s.damaged(it, err)
}

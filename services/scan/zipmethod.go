package scan

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// methods are a zip archive's ways to compress.
var methods = map[uint16]func(io.Reader) (io.Reader, error){
	8:  func(r io.Reader) (io.Reader, error) { return flate.NewReader(r), nil },
	12: func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil },
	14: zipLZMA,
	93: func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	},
	95: func(r io.Reader) (io.Reader, error) { return xz.NewReader(r) },
}

func methodKnown(method uint16) bool { return method == 0 || methods[method] != nil }

// zipLZMA reads an LZMA stream, whose header a zip archive writes its own way:
// a version, the size of the properties, the properties.
func zipLZMA(r io.Reader) (io.Reader, error) {
	head := make([]byte, 9)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	if n := binary.LittleEndian.Uint16(head[2:]); n != 5 {
		return nil, fmt.Errorf("LZMA properties of %d bytes", n)
	}
	if dictionary := binary.LittleEndian.Uint32(head[5:]); dictionary > maxWindow {
		return nil, fmt.Errorf("an LZMA dictionary of %d bytes is too large", dictionary)
	}
	classic := append(append([]byte{}, head[4:9]...), "\xff\xff\xff\xff\xff\xff\xff\xff"...)
	return lzma.NewReader(io.MultiReader(bytes.NewReader(classic), r))
}

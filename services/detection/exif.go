package detection

import (
	"bytes"
	"encoding/binary"
)

// orientation finds the EXIF orientation of a picture; 1 where it says none.
func orientation(data []byte) int {
	block := exifBlock(data)
	if len(block) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if bytes.HasPrefix(block, []byte("MM")) {
		order = binary.BigEndian
	}
	at := uint64(order.Uint32(block[4:]))
	if at+2 > uint64(len(block)) {
		return 1
	}
	const entrySize, orientationTag = 12, 0x0112
	entries := block[at+2:]
	for range order.Uint16(block[at:]) {
		if len(entries) < entrySize {
			break
		}
		if order.Uint16(entries) == orientationTag {
			return int(order.Uint16(entries[8:]))
		}
		entries = entries[entrySize:]
	}
	return 1
}

// exifBlock is the TIFF structure that holds the EXIF tags, wherever the
// format keeps it.
func exifBlock(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8")):
		return jpegEXIF(data[2:])
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return chunk(data[8:], "eXIf", binary.BigEndian, 4, 4)
	case bytes.HasPrefix(data, []byte("RIFF")) && len(data) > 12:
		return bytes.TrimPrefix(chunk(data[12:], "EXIF", binary.LittleEndian, 0, 0), []byte("Exif\x00\x00"))
	case bytes.HasPrefix(data, []byte("II*\x00")), bytes.HasPrefix(data, []byte("MM\x00*")):
		return data
	}
	return nil
}

func jpegEXIF(data []byte) []byte {
	const app1, startOfScan = 0xe1, 0xda
	for len(data) >= 4 && data[0] == 0xff && data[1] != startOfScan {
		if data[1] == 0xff { // filling
			data = data[1:]
			continue
		}
		size := int(binary.BigEndian.Uint16(data[2:]))
		if size < 2 || 2+size > len(data) {
			return nil
		}
		if block, ok := bytes.CutPrefix(data[4:2+size], []byte("Exif\x00\x00")); ok && data[1] == app1 {
			return block
		}
		data = data[2+size:]
	}
	return nil
}

// chunk finds a chunk by name in a PNG (length before the name, a checksum
// behind) or a RIFF file (name before the length, sizes padded to even).
func chunk(data []byte, name string, order binary.ByteOrder, nameAt, checksum int) []byte {
	for len(data) >= 8 {
		size := uint64(order.Uint32(data[4-nameAt:]))
		if size > uint64(len(data)-8) {
			return nil
		}
		if string(data[nameAt:nameAt+4]) == name {
			return data[8 : 8+size]
		}
		if checksum == 0 {
			size += size % 2
		}
		data = data[min(uint64(len(data)), 8+size+uint64(checksum)):]
	}
	return nil
}

package blob

import (
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/models"
)

// Reserved is the top folder that only Slipway writes: bytes kept by digest,
// images, data sets. Clients' paths never reach it.
const Reserved = ".slipway"

// The longest key and element that every store can hold: S3's limit for a
// key, a file system's for a name.
const (
	maxKey     = 1024
	maxElement = 255
)

// CheckKey refuses a key that is not in its one canonical form or that would
// leave the store: empty, absolute, with "", "." or ".." elements, with a NUL
// or bytes that are not UTF-8, or too long for one of the stores.
func CheckKey(key string) error {
	switch {
	case key == "":
		return models.Errorf(models.KindInvalid, "the path is empty: name a file")
	case len(key) > maxKey:
		return models.Errorf(models.KindInvalid, "the path is %d bytes long, at most %d can be stored", len(key), maxKey)
	case strings.ContainsRune(key, 0) || !utf8.ValidString(key):
		return models.Errorf(models.KindInvalid, "the path %q has a NUL or is not UTF-8", key)
	}
	for element := range strings.SplitSeq(key, "/") {
		switch {
		case element == "" || element == "." || element == "..":
			return models.Errorf(models.KindInvalid, "the path %q is not a plain relative path: leave out %q", key, element)
		case len(element) > maxElement:
			return models.Errorf(models.KindInvalid, "a name in the path is %d bytes long, at most %d can be stored", len(element), maxElement)
		}
	}
	return nil
}

// CheckFolder is CheckKey for a folder, which may also be "", the root.
func CheckFolder(folder string) error {
	if folder == "" {
		return nil
	}
	return CheckKey(folder)
}

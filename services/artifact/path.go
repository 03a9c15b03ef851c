package artifact

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// fileAt checks a path from the store's root that a client sent for a file.
func fileAt(path string) (string, error) {
	if path, err := fileBelow(path); err != nil || !reserved(path) {
		return path, err
	}
	return "", badPath(path)
}

// folderAt is fileAt for a folder; "" is the root.
func folderAt(path string) (string, error) {
	if path, err := folderBelow(path); err != nil || !reserved(path) {
		return path, err
	}
	return "", badPath(path)
}

// reserved tells whether a path is in the folder that only Slipway writes.
func reserved(path string) bool {
	top, _, _ := strings.Cut(path, "/")
	return top == blob.Reserved
}

// fileBelow checks a file's path below a run, a logged model or a version.
func fileBelow(path string) (string, error) {
	if err := checkPath(path); err != nil {
		return "", err
	}
	return path, blob.CheckKey(path)
}

// folderBelow is fileBelow for a folder. A slash at its end says nothing.
func folderBelow(path string) (string, error) {
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	if path == "." {
		path = ""
	}
	if err := checkPath(path); err != nil {
		return "", err
	}
	return path, blob.CheckFolder(path)
}

// checkPath refuses what could be read as a way out by somebody who decodes
// once more, or who takes a backslash for a slash. Such a name is refused and
// not repaired: an honest client sends none.
func checkPath(path string) error {
	for decoded := path; ; {
		for element := range strings.FieldsFuncSeq(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
			if element == ".." {
				return badPath(path)
			}
		}
		if strings.HasPrefix(decoded, "/") || strings.ContainsRune(decoded, 0) || strings.HasPrefix(strings.ToLower(decoded), "file:") {
			return badPath(path)
		}
		next, err := url.PathUnescape(decoded)
		if err != nil || next == decoded {
			return nil // what cannot be decoded is the name itself
		}
		decoded = next
	}
}

// CheckPath tells whether a path could be a file's, before anybody looks for
// what it is said to be in.
func CheckPath(path string) error { return checkPath(path) }

// badPath is MLflow's answer to the letter: clients compare it.
func badPath(path string) error {
	return models.Errorf(models.KindInvalid, "Invalid path").Because(fmt.Errorf("%q leads out", path))
}

// keyOf gives the store's key of an artifact URI, where it is ours.
func keyOf(uri string, roots models.ArtifactRoots) (string, bool) {
	key, ok := roots.Key(uri)
	if !ok {
		return "", false
	}
	key, err := folderAt(key)
	return key, err == nil
}

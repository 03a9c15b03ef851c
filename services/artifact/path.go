package artifact

import (
	"net/url"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage/blob"
)

// FilePath checks a path that a client sent for a file.
func FilePath(path string) (string, error) {
	if err := checkPath(path); err != nil {
		return "", err
	}
	return path, blob.CheckKey(path)
}

// FolderPath checks a path that a client sent for a folder; "" is the root. A
// slash at its end says nothing.
func FolderPath(path string) (string, error) {
	path = strings.TrimSuffix(path, "/")
	if path == "." {
		path = ""
	}
	if err := checkPath(path); err != nil {
		return "", err
	}
	return path, blob.CheckFolder(path)
}

// checkPath refuses what could be read as a way out by somebody who decodes
// once more, or who takes a backslash for a slash, and our own folder. Such a
// name is refused and not repaired: an honest client sends none.
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
			break
		}
		decoded = next
	}
	if top, _, _ := strings.Cut(path, "/"); top == blob.Reserved {
		return badPath(path)
	}
	return nil
}

func badPath(path string) error {
	return models.Errorf(models.KindInvalid, "Invalid path: %q. Use a relative path without '..'.", path)
}

// keyOf gives the store's key of an artifact URI, where it is ours.
func keyOf(uri string) (string, bool) {
	key, ok := models.ArtifactKey(uri)
	if !ok {
		return "", false
	}
	key, err := FolderPath(key)
	return key, err == nil
}

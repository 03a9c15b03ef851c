package image

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/models"
)

// hostBase is the base named host: the shared libraries that programs need,
// taken from this machine. It tells what it took.
func hostBase(dpkg, program string, others ...string) ([]file, []models.ImageComponent, error) {
	libraries, err := closure(program, others...)
	if err != nil {
		return nil, nil, err
	}
	paths := make([]string, len(libraries))
	for i, l := range libraries {
		paths[i] = l.found
	}
	packages := owners(dpkg, paths)
	files := []file{
		text("etc/passwd", "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"),
		text("etc/group", "root:x:0:\nnonroot:x:65532:\n"),
		{path: "tmp", mode: 0o1777, folder: true},
	}
	var components []models.ImageComponent
	for _, l := range libraries {
		f, err := onDisk(l.found, l.inside, 0o755)
		if err != nil {
			return nil, nil, fmt.Errorf("read the library %s: %w", l.found, err)
		}
		files = append(files, f)
		components = append(components, models.ImageComponent{
			Path: "/" + l.inside, Digest: "sha256:" + f.sha256, Package: packages[l.found].name, Version: packages[l.found].version,
		})
	}
	record, err := json.MarshalIndent(components, "", "  ")
	if err != nil {
		return nil, nil, err
	}
	files = append(files, text("slipway/base.json", string(record)+"\n"))
	return append(files, mergedFolders()...), components, nil
}

// mergedFolders are the links by which /lib is /usr/lib, on a machine that has
// them: the loader's path in a program goes through them.
func mergedFolders() []file {
	var links []file
	for _, name := range []string{"lib", "lib64"} {
		target, err := os.Readlink("/" + name)
		if err == nil && !filepath.IsAbs(target) {
			links = append(links, file{path: name, mode: 0o777, link: target})
		}
	}
	return links
}

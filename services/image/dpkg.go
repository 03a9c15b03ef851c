package image

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
)

// owner is the Debian package a file belongs to.
type owner struct{ name, version string }

// owners finds the packages of files in dpkg's database. A file that none has,
// or a machine without dpkg, gives none.
func owners(database string, files []string) map[string]owner {
	wanted := map[string]string{} // a name dpkg may know a file by → the file
	for _, f := range files {
		for _, name := range aliases(f) {
			wanted[name] = f
		}
	}
	lists, _ := filepath.Glob(filepath.Join(database, "info", "*.list"))
	found := map[string]owner{}
	versions := packageVersions(filepath.Join(database, "status"))
	for _, list := range lists {
		name, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(list), ".list"), ":")
		eachLine(list, func(line string) {
			if f, ok := wanted[line]; ok {
				found[f] = owner{name, versions[name]}
			}
		})
	}
	return found
}

// aliases are the names of a file: as it is found, with links followed, and
// each with and without the /usr that a merged system adds.
func aliases(f string) []string {
	names := []string{f}
	if target, err := filepath.EvalSymlinks(f); err == nil {
		names = append(names, target)
	}
	for _, n := range names {
		if bare, ok := strings.CutPrefix(n, "/usr"); ok {
			names = append(names, bare)
		} else {
			names = append(names, "/usr"+n)
		}
	}
	return names
}

// packageVersions reads the installed packages' versions.
func packageVersions(status string) map[string]string {
	versions := map[string]string{}
	name := ""
	eachLine(status, func(line string) {
		if v, ok := strings.CutPrefix(line, "Package: "); ok {
			name = v
		} else if v, ok := strings.CutPrefix(line, "Version: "); ok {
			versions[name] = v
		}
	})
	return versions
}

func eachLine(path string, fn func(string)) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fn(lines.Text())
	}
}

package docker

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/tests/testbed"
)

// Image imports an image with a shell, the usual small programs and the Python
// that the tests' environment was made with, out of this machine's files, and
// gives its name. A virtual environment that is mounted at its own path works
// in it.
func Image(t testing.TB, host string) string {
	t.Helper()
	const name = "slipway.local/tests:latest"
	if exec.Command("docker", "--host", host, "image", "inspect", name).Run() == nil {
		return name
	}
	root := filepath.Dir(filepath.Dir(testbed.BasePython(t)))
	archive, writer := io.Pipe()
	go func() { writer.CloseWithError(pack(writer, root)) }()
	load := exec.Command("docker", "--host", host, "import", "--change", "ENV PATH="+filepath.Join(root, "bin")+":/usr/local/bin:/usr/bin:/bin", "-", name)
	load.Stdin = archive
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("import an image: %v\n%s", err, out)
	}
	return name
}

// programs are what test scripts call.
var programs = strings.Fields(`sh env cat ls sleep mkdir rm ln head tail tr wc dd kill id setsid mount mknod chmod touch rev base64
	grep sed sort nohup true false echo printf stat find expr uname ps`)

// unneeded are the parts of Python that only take room.
var unneeded = []string{"test", "site-packages", "dist-packages", "idlelib", "ensurepip", "__pycache__", "tkinter", "lib2to3"}

// pack writes the programs and Python below root, with the libraries they need.
func pack(w io.Writer, root string) error {
	files := map[string]bool{}
	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			files[path] = true
		}
	}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		part, _ := filepath.Rel(root, path)
		switch {
		case e.IsDir() && (slices.Contains(unneeded, e.Name()) || strings.HasPrefix(e.Name(), "config-")):
			return fs.SkipDir
		case e.IsDir() && part != "." && part != "bin" && part != "lib" && !strings.HasPrefix(part, "lib/python3"):
			return fs.SkipDir
		case e.IsDir():
			return nil
		case filepath.Dir(part) == "bin" && !strings.HasPrefix(e.Name(), "python3"), filepath.Dir(part) == "lib" && !strings.HasPrefix(e.Name(), "libpython3"):
			return nil
		}
		files[path] = true
		return nil
	})
	if err != nil {
		return err
	}
	libraries, err := closure(files)
	if err != nil {
		return err
	}
	for _, path := range libraries {
		files[path] = true
	}
	return archive(w, files)
}

// closure lists the shared libraries that files are linked with.
func closure(files map[string]bool) ([]string, error) {
	args := []string{}
	for path := range files {
		if strings.HasSuffix(path, ".so") || filepath.Base(filepath.Dir(path)) == "bin" {
			args = append(args, path)
		}
	}
	out, err := exec.Command("ldd", args...).Output() // it minds what is not linked, such as scripts
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(string(out)) {
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "/") && !strings.HasSuffix(word, ":") {
				all = append(all, word)
			}
		}
	}
	return all, nil
}

// archive writes files, links as what they lead to, each below the folder that
// this machine has it in by name.
func archive(w io.Writer, files map[string]bool) error {
	out := tar.NewWriter(w)
	for _, link := range []string{"bin", "lib", "lib64", "sbin"} {
		if target, err := os.Readlink("/" + link); err == nil {
			if err := out.WriteHeader(&tar.Header{Name: link, Linkname: target, Typeflag: tar.TypeSymlink, Mode: 0o777}); err != nil {
				return err
			}
		}
	}
	for _, dir := range []string{"tmp/", "etc/", "var/", "usr/", "usr/bin/", "usr/lib/", "usr/lib64/", "usr/sbin/"} {
		if err := out.WriteHeader(&tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755}); err != nil {
			return err
		}
	}
	added := map[string]bool{}
	for path := range files {
		// /bin/sh is /usr/bin/sh where /bin is a link.
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(filepath.Join(dir, filepath.Base(path)), "/")
		if added[name] {
			continue
		}
		added[name] = true
		if err := add(out, path, name); err != nil {
			return err
		}
	}
	return out.Close()
}

func add(out *tar.Writer, path, name string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Name: name, Size: info.Size(), Mode: int64(info.Mode().Perm() | 0o444), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return err
}

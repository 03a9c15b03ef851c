package testbed

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// PackageIndex serves packages that are installed in the Python environment of
// the tests, packed as wheels again: a package index that needs no network.
func PackageIndex(t testing.TB, names ...string) *httptest.Server {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range names {
		file, wheel := installedWheel(t, name)
		files[file] = wheel
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wheel, ok := files[strings.TrimPrefix(r.URL.Path, "/files/")]; ok {
			_, _ = w.Write(wheel)
			return
		}
		project := strings.ReplaceAll(strings.Trim(strings.TrimPrefix(r.URL.Path, "/simple"), "/"), "-", "_")
		page := ""
		for file, wheel := range files {
			if sum := sha256.Sum256(wheel); strings.HasPrefix(file, project+"-") {
				page += fmt.Sprintf("<a href=\"/files/%s#sha256=%s\">%s</a>\n", file, hex.EncodeToString(sum[:]), file)
			}
		}
		if page == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(server.Close)
	return server
}

var wheelTag = regexp.MustCompile(`(?m)^Tag: (\S+)`)

// installedWheel packs the files that an installed package's record lists.
func installedWheel(t testing.TB, name string) (file string, wheel []byte) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(Python(t)), "..", "lib", "python3*", "site-packages", name+"-*.dist-info"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the Python environment has no package %s: %v", name, err)
	}
	info, packages := filepath.Base(found[0]), filepath.Dir(found[0])
	record, err := os.ReadFile(filepath.Join(found[0], "RECORD"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(record)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	list := info + "/RECORD,,\n"
	put := func(path string, data []byte) {
		w, err := z.Create(path)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	tag := ""
	for _, row := range rows {
		path := row[0]
		switch filepath.Base(path) {
		case "RECORD", "INSTALLER", "REQUESTED", "direct_url.json":
			continue
		}
		if strings.HasPrefix(path, "../") || strings.HasSuffix(path, ".pyc") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(packages, path))
		if err != nil {
			t.Fatal(err)
		}
		if path == info+"/WHEEL" {
			tags := wheelTag.FindAllStringSubmatch(string(data), -1)
			tag = tags[len(tags)-1][1] // py3-none-any comes after py2-none-any
		}
		put(path, data)
		list += path + ",,\n"
	}
	put(info+"/RECORD", []byte(list))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(info, ".dist-info") + "-" + tag + ".whl", buf.Bytes()
}

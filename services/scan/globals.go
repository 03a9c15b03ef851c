package scan

import (
	"embed"
	"fmt"
	"path"
	"strings"
	"sync"
)

// The allow-list: for each library, a file with the exact names that its
// pickles may import. Whatever is not there is a finding.
//
//go:embed globals/*.txt
var lists embed.FS

// cloudpickle is the list of what makes functions and classes of code.
const cloudpickle = "cloudpickle"

// known maps a module and a name to the list that has them.
var known = sync.OnceValue(func() map[[2]string]string {
	all := map[[2]string]string{}
	files, err := lists.ReadDir("globals")
	if err != nil {
		panic(err) // it is part of the program
	}
	for _, f := range files {
		text, err := lists.ReadFile("globals/" + f.Name())
		if err != nil {
			panic(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			module, names, ok := strings.Cut(line, ": ")
			if !ok || strings.HasPrefix(line, "#") {
				continue
			}
			for _, name := range strings.Fields(names) {
				all[[2]string{module, name}] = strings.TrimSuffix(f.Name(), path.Ext(f.Name()))
			}
		}
	}
	return all
})

// general are the lists that any pickle may use; the others belong to flavours.
var general = map[string]bool{"python": true, "numpy": true, "scipy": true, "pandas": true, "joblib": true, "mlflow": true}

// flavors says which lists a flavour brings, besides its own.
var flavors = map[string][]string{
	"sklearn": {"sklearn"}, "xgboost": {"xgboost", "sklearn"}, "lightgbm": {"lightgbm", "sklearn"}, "catboost": {"catboost", "sklearn"},
	"pytorch": {"torch"}, "fastai": {"torch"}, "transformers": {"torch"}, "sentence_transformers": {"torch"},
}

// powers are modules whose functions run commands, execute source, open files
// or connections, or fetch other names: what a person must not take for an
// oversight.
var powers = map[string]bool{}

func init() { //nolint:gochecknoinits // a set from words
	for _, m := range strings.Fields(`os posix nt subprocess sys socket shutil pty commands popen2 runpy code codeop bdb pdb
		importlib pkgutil pydoc imp zipimport ctypes _ctypes cffi multiprocessing asyncio threading _thread signal webbrowser
		urllib http httplib requests aiohttp httpx ftplib smtplib telnetlib ssl builtins operator _operator functools types
		pickle _pickle marshal shelve dill cloudpickle timeit trace profile cProfile doctest unittest distutils pip setuptools
		ensurepip venv tempfile io _io codecs linecache logging sqlite3 inspect ast symtable platform nturl2path idlelib lib2to3
		torch.hub torch.utils torch.jit torch._dynamo torch._inductor numpy.testing numpy.f2py numpy.lib numpy.distutils`) {
		powers[m] = true
	}
}

// powerful tells whether a module, or one that it lies in, is among powers.
func powerful(module string) bool {
	for m := module; ; m = m[:strings.LastIndexByte(m, '.')] {
		if powers[m] {
			return true
		}
		if !strings.Contains(m, ".") {
			return false
		}
	}
}

// importable tells whether a module is of a kind that is installed wherever
// models are loaded.
func importable(module string) bool {
	if powerful(module) {
		return true
	}
	first, _, _ := strings.Cut(module, ".")
	return strings.Contains(" numpy scipy pandas sklearn joblib torch torchvision mlflow keras tensorflow xgboost lightgbm catboost onnx onnxruntime yaml "+
		"jinja2 sqlalchemy matplotlib flask fastapi gunicorn uvicorn ", " "+first+" ")
}

// printable writes a name so that letters that look alike can be told apart.
func printable(name string) string {
	quoted := fmt.Sprintf("%+q", name)
	if quoted == `"`+name+`"` {
		return name
	}
	return quoted
}

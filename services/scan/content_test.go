package scan_test

import (
	"archive/zip"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/scan"
)

// field writes a field of protobuf.
func field(n int, text string) string {
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(n)<<3|2), uint64(len(text)))) + text
}

// onnxAt is an ONNX model with a tensor at a place outside its file.
func onnxAt(location string) string {
	tensor := field(8, "w") + field(13, field(1, "location")+field(2, location))
	return "\x08\x09" + field(7, field(1, field(4, "Add"))+field(5, tensor))
}

func safetensors(header string, size int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat("\x01", size)
}

const lambda = `{"class_name": "Sequential", "config": {"layers": [{"class_name": "\u004cambda", "config": {"function": ["4wEAAAA=", null, null]}}]}}`

// hdf5 is what a reader needs of a file of Keras: its sign, and an attribute
// among other bytes.
func hdf5(config string) string {
	return "\x89HDF\r\n\x1a\n" + strings.Repeat("\x00{\"", 400) + strings.Repeat("w", 1<<20-100) + "model_config\x00" + config + strings.Repeat("{", 4000)
}

func TestContentThatCarriesCode(t *testing.T) {
	t.Parallel()
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 100)
	saved := field(2, field(2, field(1, field(1, "n")+field(2, "ReadFile"))))
	for name, tt := range map[string]struct{ file, text, want string }{
		"ONNX data outside":                   {"m.onnx", onnxAt("../../etc/passwd"), `onnx-external-data: m.onnx: a tensor lies in "../../etc/passwd"`},
		"ONNX data at an absolute path":       {"m.onnx", onnxAt("/etc/passwd"), "onnx-external-data"},
		"no ONNX model":                       {"m.onnx", "\x3a\xff\xff\xff\x0f", "tensors-malformed: m.onnx: it is no ONNX model"},
		"a Lambda in .keras":                  {"m.keras", zipped(t, zip.Deflate, "config.json", lambda), "keras-code: m.keras!config.json: a layer of the class Lambda carries a function"},
		"a Lambda in config.json":             {"config.json", lambda, "keras-code: config.json"},
		"a Lambda in HDF5":                    {"m.h5", hdf5(lambda), "keras-code: m.h5: a layer of the class Lambda"},
		"a Lambda in HDF5, misnamed":          {"weights.bin", hdf5(lambda), "keras-code: weights.bin"},
		"a Keras module that is none":         {"m.keras", zipped(t, zip.Store, "config.json", `{"module": "subprocess", "class_name": "run", "config": {"args": ["id"]}}`), "the configuration imports subprocess.run, which is not Keras"},
		"a Keras function that fetches":       {"m.keras", zipped(t, zip.Store, "config.json", `{"module": "keras.utils", "class_name": "get_file", "config": {}}`), "imports keras.utils.get_file"},
		"a TensorFlow graph that reads":       {"saved_model.pb", saved, "tensorflow-op: saved_model.pb: the graph holds the operator ReadFile, which reads files"},
		"an ELF":                              {"libx.so", elf, "native-code: libx.so: it is a program or library (ELF)"},
		"an ELF that is called data":          {"weights.bin", elf, "native-code: weights.bin"},
		"an ELF in a zip":                     {"m.zip", zipped(t, zip.Deflate, "x", elf), "native-code: m.zip!x"},
		"a library by its name":               {"x.pyd", "anything", "native-code: x.pyd: it is called a program or library (.pyd)"},
		"compiled Python":                     {"x.dat", "\xa7\x0d\x0d\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe3\x00", "native-code: x.dat: it is compiled Python"},
		"a script":                            {"setup.py", "import os\nos.system('id')\n", "script: setup.py: it is source code that MLmodel does not name"},
		"a script by its first line":          {"run", "#!/bin/sh\nid\n", "script: run"},
		"a notebook":                          {"a.ipynb", `{"cells": [{"cell_type": "code", "source": ["!id"]}, {"cell_type": "markdown"}], "nbformat": 4}`, "notebook: a.ipynb: it is a notebook with 1 cells of code"},
		"a YAML tag":                          {"x.yaml", "a: !!python/object/apply:os.system ['id']\n", "yaml-tag: x.yaml:1: the tag !!python/object/apply:os.system"},
		"a YAML tag in MLmodel":               {"MLmodel", "flavors: {}\nx: !!python/name:os.system\n", "yaml-tag: MLmodel:2"},
		"a YAML tag by a prefix":              {"conda.yaml", "%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system ['id']\n", "yaml-tag: conda.yaml"},
		"safetensors that overlap":            {"m.safetensors", safetensors(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, 6), `tensors-malformed: m.safetensors: the tensor "b" begins at 2, where 4 is due`},
		"safetensors with bytes behind":       {"m.safetensors", safetensors(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 9), "describes 4 bytes, and the file has 9"},
		"safetensors with a header too long":  {"m.safetensors", "\xff\xff\xff\xff\xff\xff\x00\x00{}", "tensors-malformed"},
		"a NumPy header too long":             {"x.npy", "\x93NUMPY\x02\x00\xff\xff\xff\x00{}", "tensors-malformed: x.npy"},
		"a skops file with a type of its own": {"m.skops", zipped(t, zip.Store, "schema.json", `{"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": 1}`), "pickle-global: m.skops!schema.json: the skops file refers to os.system"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, said(scanned(t, scan.Options{}, files{tt.file: tt.text})), tt.want)
		})
	}
}

func TestWhatRequirementsBringIn(t *testing.T) {
	t.Parallel()
	sha := strings.Repeat("0123456789", 4)
	for line, want := range map[string]string{
		"numpy==2.0.0 --hash=sha256:" + strings.Repeat("ab", 32):           "",
		"numpy==2.0.0  # a comment":                                        "",
		"git+https://example.com/x.git":                                    "requirement-source: requirements.txt:1: git+https://example.com/x.git comes from an address whose content may change",
		"git+https://u:secret@example.com/x.git@main":                      "git+https://…@example.com/x.git@main comes from",
		"x @ git+https://example.com/x.git@" + sha:                         "declared-code",
		"x @ https://example.com/x.whl#sha256=" + strings.Repeat("ab", 32): "declared-code",
		"http://example.com/x.tar.gz":                                      "requirement-source",
		"--index-url https://example.com/simple":                           "--index-url takes packages from https://example.com/simple",
		"--extra-index-url=https://u:p@example.com/simple":                 "takes packages from https://…@example.com/simple",
		"-i https://example.com/simple":                                    "requirement-source",
		"--find-links ./x":                                                 "requirement-source",
		"--trusted-host example.com":                                       "requirement-source",
		"-e git+https://example.com/x.git@" + sha:                          "-e installs the source at",
		"-r ../other.txt":                                                  "requirement-source",
		"-r other.txt":                                                     "",
		"../x":                                                             "a path outside the version",
		"code/x-1.0-py3-none-any.whl":                                      "declared-code",
	} {
		got := said(scanned(t, scan.Options{}, files{"requirements.txt": line + "\n"}))
		if want == "" {
			require.Empty(t, got, line)
		} else {
			require.Contains(t, got, want, line)
			require.NotContains(t, got, "secret")
		}
	}
	conda := "channels: [conda-forge, https://example.com/c]\ndependencies:\n- python=3.11\n- pip:\n  - mlflow==3.17.2\n  - git+https://example.com/x.git\n"
	got := said(scanned(t, scan.Options{}, files{"conda.yaml": conda}))
	require.Contains(t, got, "git+https://example.com/x.git comes from")
	require.Contains(t, got, "takes packages from https://example.com/c")
	require.Empty(t, said(scanned(t, scan.Options{Allow: []string{"--index-url https://pypi.acme.io/simple"}}, files{"requirements.txt": "--index-url https://pypi.acme.io/simple\n"})))
}

func TestWhatMLmodelDeclares(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		version files
		want    string
		verdict string
	}{
		"ONNX":        {files{"MLmodel": "flavors:\n  onnx: {data: model.onnx}\n  python_function: {loader_module: mlflow.onnx, data: model.onnx}\n", "model.onnx": onnxAt("model.data")}, "", "no code"},
		"safetensors": {files{"MLmodel": "flavors: {transformers: {}}\n", "m.safetensors": safetensors(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`, 4)}, "", "no code"},
		"scikit-learn": {
			files{"MLmodel": "flavors:\n  sklearn: {pickled_model: m.pkl}\n  python_function: {loader_module: mlflow.sklearn}\n", "m.pkl": global("sklearn.svm._classes", "SVC")}, "", "no code of its own: its pickles make types of known libraries only",
		},
		"a flavour that is not named": {
			files{"MLmodel": "flavors:\n  sklearn: {pickled_model: m.pkl}\n", "m.pkl": global("torch._utils", "_rebuild_tensor_v2")}, "pickle-flavor: m.pkl@", "no code of its own: its pickles make types of known libraries only",
		},
		"a pyfunc": {
			files{"MLmodel": "flavors:\n  python_function: {loader_module: mlflow.pyfunc.model, python_model: python_model.pkl}\n", "python_model.pkl": global("cloudpickle.cloudpickle", "_make_function")},
			"declared-code: python_model.pkl: declared code: it holds functions or classes as code", "declared code",
		},
		"a pyfunc whose pickle does more": {
			files{"MLmodel": "flavors:\n  python_function: {loader_module: mlflow.pyfunc.model, python_model: python_model.pkl}\n", "python_model.pkl": evil},
			"pickle-global: python_model.pkl@17: the pickle calls posix.system", "hidden code",
		},
		"code paths": {
			files{"MLmodel": "flavors:\n  python_function: {loader_module: my_loader, code: code}\n", "code/my_loader.py": "x = 1\n"}, "declared-code: MLmodel: declared code: the model brings its own (code)", "declared code",
		},
		"a loader that is nowhere": {
			files{"MLmodel": "flavors:\n  python_function: {loader_module: os}\n"}, "loader: MLmodel: python_function.loader_module is os, which is neither MLflow's nor", "hidden code",
		},
		"code that is elsewhere": {files{"MLmodel": "flavors:\n  python_function: {loader_module: mlflow.sklearn, code: ../../code}\n"}, `loader: MLmodel: flavors.python_function.code is "../../code"`, "hidden code"},
		"data that is elsewhere": {files{"MLmodel": "flavors:\n  sklearn: {pickled_model: /tmp/m.pkl}\n"}, `archive-path: MLmodel: flavors.sklearn.pickled_model is "/tmp/m.pkl"`, "no code"},
		"compiled Python in the code": {
			files{"MLmodel": "flavors:\n  python_function: {loader_module: mlflow.sklearn, code: code}\n", "code/x.pyc": "\xa7\x0d\x0d\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xe3\x00"}, "native-code: code/x.pyc", "hidden code",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scanned(t, scan.Options{}, tt.version)
			if tt.want == "" {
				require.Empty(t, said(s))
			} else {
				require.Contains(t, said(s), tt.want)
			}
			require.Equal(t, tt.verdict, s.Verdict())
		})
	}
}

func TestListsOfThePipeline(t *testing.T) {
	t.Parallel()
	version := files{"code/a.py": "x = 1\n", "lib/x.so": "x", "lib/y.so": "y"}
	s := scanned(t, scan.Options{Allow: []string{"lib/*.so", "script"}}, version)
	require.Empty(t, said(s))
	s = scanned(t, scan.Options{Fail: []models.UnsafeRule{models.RuleScript}, Warn: []models.UnsafeRule{models.RuleNativeCode}, Allow: []string{"lib/x.so"}}, version)
	require.NotContains(t, said(s), "lib/x.so")
	require.Equal(t, models.SeverityError, s.Severity(models.RuleScript))
	require.Equal(t, models.SeverityWarning, s.Severity(models.RuleNativeCode))
}

func TestEachRuleHasALineOnItsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/checks/unsafe-code.md")
	require.NoError(t, err)
	for _, r := range models.UnsafeRules {
		weighs := map[models.Severity]string{models.SeverityError: "fails", models.SeverityWarning: "warns"}[r.Severity]
		if r.Rule == models.RuleUnread {
			weighs = "errored"
		}
		require.Contains(t, string(page), "| `"+string(r.Rule)+"` | "+weighs+" | "+r.About+" |\n")
	}
}

package scan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
)

// declaration is what MLmodel says of the version's code.
type declaration struct {
	lists   map[string]bool // the allow-lists that its flavours bring
	code    []string        // folders and files of code
	modules map[string]bool // that the code defines, by their first names
	pickles map[string]bool // files in which code is expected
	loader  string
}

// holds tells whether a file is among the declared code.
func (d declaration) holds(name string) bool {
	return slices.ContainsFunc(d.code, func(p string) bool { return name == p || strings.HasPrefix(name, p+"/") })
}

// ours tells whether a module is one that the version brings as its code.
func (s *Scanner) ours(module string) bool {
	first, _, _ := strings.Cut(module, ".")
	return s.declared.modules[first]
}

// brings tells whether an allow-list goes with the version's flavours. A pyfunc
// may use any library, and so may a version that is no MLflow model.
func (s *Scanner) brings(list string) bool {
	return general[list] || s.declared.lists == nil || s.declared.lists[list]
}

func (s *Scanner) declares(where, what string) {
	s.add(Found{
		Rule: models.RuleDeclaredCode, Where: where, Subject: where, Message: "declared code: " + what,
		Remedy: "read it before the version is trusted, or put the rule declared-code under allow: of this step",
	})
}

// loaders are MLflow's own modules that load a flavour's data, and nothing else.
var loaders = map[string]bool{}

func init() { //nolint:gochecknoinits // a set from words
	for _, name := range strings.Fields(`onnx sklearn xgboost lightgbm catboost pytorch tensorflow keras spark statsmodels prophet pmdarima
		fastai spacy h2o paddle transformers sentence_transformers shap diviner johnsnowlabs promptflow openai`) {
		loaders["mlflow."+name] = true
	}
}

// codeLoaders are MLflow's modules that run the version's own code.
var codeLoaders = map[string]bool{
	"mlflow.pyfunc.model": true, "mlflow.pyfunc.loaders.code_model": true, "mlflow.pyfunc.loaders.chat_agent": true,
	"mlflow.pyfunc.loaders.chat_model": true, "mlflow.pyfunc.loaders.responses_agent": true, "mlflow.langchain": true, "mlflow.llama_index": true,
	"mlflow.dspy": true, "mlflow.langchain.model": true, "mlflow.dspy.load": true, "mlflow.recipes.steps.train": true,
}

// pathsOfCode are the fields of a flavour that name code.
var pathsOfCode = []string{"code", "model_code_path", "code_path"}

// Declare reads the version's MLmodel before its files are looked at. files are
// the version's paths.
func (s *Scanner) Declare(text []byte, files []string) {
	var m struct {
		Flavors map[string]map[string]any `yaml:"flavors"`
	}
	if yaml.Unmarshal(text, &m) != nil {
		return // integrity's business; its tags are looked at as any YAML's
	}
	at := item{where: "MLmodel"}
	d := declaration{lists: map[string]bool{}, modules: map[string]bool{}, pickles: map[string]bool{}}
	other := len(m.Flavors) == 0
	for name, fields := range m.Flavors {
		for _, list := range flavors[name] {
			d.lists[list] = true
		}
		other = other || (flavors[name] == nil && name != "python_function" && name != "onnx")
		for _, key := range pathsOfCode {
			for _, p := range texts(fields[key]) {
				s.code(at, &d, name+"."+key, p, files)
			}
		}
		if p, ok := fields["python_model"].(string); ok {
			d.pickles[path.Clean(p)] = true
		}
		s.artifacts(at, name, fields)
	}
	function := m.Flavors["python_function"]
	d.loader, _ = function["loader_module"].(string)
	if other || codeLoaders[d.loader] || (len(m.Flavors) == 1 && function != nil) {
		d.lists = nil // any library
	}
	for _, p := range d.code {
		for _, f := range files {
			if rest, ok := strings.CutPrefix(f, p+"/"); ok || f == p {
				if f == p {
					rest = path.Base(f)
				}
				first, _, _ := strings.Cut(rest, "/")
				if first = strings.TrimSuffix(first, ".py"); first != "" {
					d.modules[first] = true
				}
			}
		}
	}
	s.declared = d
	s.loader(at, d)
}

// loader judges the module that MLflow imports to load a pyfunc.
func (s *Scanner) loader(at item, d declaration) {
	switch {
	case len(d.code) > 0:
		s.declares(at.where, fmt.Sprintf("the model brings its own (%s)", strings.Join(d.code, ", ")))
	case codeLoaders[d.loader] || len(d.pickles) > 0:
		s.declares(at.where, fmt.Sprintf("the model is a pyfunc of its author's own (%s)", d.loader))
	}
	if d.loader == "" || loaders[d.loader] || codeLoaders[d.loader] || s.ours(d.loader) {
		return
	}
	s.add(Found{
		Rule: models.RuleLoader, Where: at.where, Subject: d.loader,
		Message: fmt.Sprintf("python_function.loader_module is %s, which is neither MLflow's nor in the version's code: loading the model imports and calls it", printable(d.loader)),
		Remedy:  "log the module with the model (code_paths=), or put its name under allow: of this step",
	})
}

// code takes a path of code, which has to lie in the version.
func (s *Scanner) code(at item, d *declaration, key, p string, files []string) {
	clean := path.Clean(p)
	there := slices.ContainsFunc(files, func(f string) bool { return f == clean || strings.HasPrefix(f, clean+"/") })
	if escapes(p) || clean == "." || !there {
		s.add(Found{
			Rule: models.RuleLoader, Where: at.where, Subject: p,
			Message: fmt.Sprintf("flavors.%s is %q, which is not among the version's files: a loader would take code from elsewhere", key, p),
			Remedy:  "log the code with the model (code_paths=)",
		})
		return
	}
	if !slices.Contains(d.code, clean) {
		d.code = append(d.code, clean)
	}
}

// artifacts tells of a path of a flavour that leaves the version.
func (s *Scanner) artifacts(at item, flavor string, fields map[string]any) {
	for key, v := range fields {
		switch v := v.(type) {
		case string:
			if key != "code" && (strings.HasSuffix(key, "path") || key == "data" || key == "model_data" || strings.HasPrefix(key, "pickled")) && escapes(v) {
				s.note(at, models.RuleArchivePath, "log the model again; its files lie in its own folder", "flavors.%s.%s is %q, outside the version", flavor, key, v)
			}
		case map[string]any:
			if key == "artifacts" {
				for name, a := range v {
					if fields, ok := a.(map[string]any); ok {
						if p, ok := fields["path"].(string); ok && escapes(p) {
							s.note(at, models.RuleArchivePath, "log the model again; its files lie in its own folder", "flavors.%s.artifacts.%s is %q, outside the version", flavor, name, p)
						}
					}
				}
			}
		}
	}
}

func texts(v any) []string {
	switch v := v.(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case []any:
		var list []string
		for _, item := range v {
			list = append(list, texts(item)...)
		}
		return list
	}
	return nil
}

// Verdict says in words what code the version has, so far.
func (s *Scanner) Verdict() string {
	verdict := "no code"
	if s.Counts.Pickles > 0 {
		verdict = "no code of its own: its pickles make types of known libraries only"
	}
	for _, f := range s.found {
		switch f.Rule {
		case models.RuleDeclaredCode, models.RuleScript, models.RuleNotebook:
			verdict = "declared code"
		default:
		}
	}
	for _, f := range s.found {
		switch f.Rule {
		case models.RulePickleGlobal, models.RulePickleMalformed, models.RuleNativeCode, models.RuleKerasCode, models.RuleTensorFlowOp, models.RuleLoader, models.RuleYAMLTag:
			return "hidden code"
		default:
		}
	}
	return verdict
}

package scan

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
)

// outsideIndex are options of pip that fetch packages from elsewhere.
var outsideIndex = []string{"-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host", "--no-index", "--pre", "--process-dependency-links"}

// fixed is an address whose content cannot change.
var fixed = regexp.MustCompile(`@[0-9a-f]{40}([#&?].*)?$|#sha256=[0-9a-f]{64}|--hash=sha256:[0-9a-f]{64}`)

// requirements judges where the packages of a requirements file come from.
func (s *Scanner) requirements(it item, text []byte) {
	for n, line := range strings.Split(strings.ReplaceAll(string(text), "\\\n", " "), "\n") {
		s.requirement(fmt.Sprintf("%s:%d", it.where, n+1), line)
	}
}

func (s *Scanner) requirement(where, line string) {
	line = strings.TrimSpace(strings.Split(" "+line, " #")[0])
	if line == "" || strings.HasPrefix(line, "#") {
		return
	}
	f := Found{Rule: models.RuleRequirementSource, Where: where, Subject: line, Remedy: "publish the package on the index that the server uses, and name it by version"}
	option, value, _ := strings.Cut(strings.Replace(line, "=", " ", 1), " ")
	lower := strings.ToLower(line)
	switch {
	case slices.Contains(outsideIndex, option):
		f.Message = fmt.Sprintf("%s takes packages from %s: whoever runs that chooses the code", option, credentials(value))
	case option == "-r" || option == "-c" || option == "--requirement" || option == "--constraint":
		if !escapes(strings.TrimSpace(value)) && !strings.Contains(value, "://") {
			return
		}
		f.Message = fmt.Sprintf("%s reads %s, which is not in the version", option, credentials(value))
	case option == "-e" || option == "--editable":
		f.Message = fmt.Sprintf("%s installs the source at %s, which no digest fixes", option, credentials(value))
	case strings.Contains(lower, "://") || strings.HasPrefix(lower, "git+") || strings.Contains(line, "@ file:"):
		if fixed.MatchString(line) {
			s.declares(where, fmt.Sprintf("%s comes from an address, fixed by its digest", credentials(line)))
			return
		}
		f.Message = fmt.Sprintf("%s comes from an address whose content may change", credentials(line))
		f.Remedy = "fix it by its commit (…@<40 hex digits>) or by --hash, or publish the package on the index that the server uses"
	case strings.HasPrefix(line, ".") || strings.HasPrefix(line, "/") || strings.HasSuffix(lower, ".whl") || strings.HasSuffix(lower, ".tar.gz"):
		if !escapes(line) {
			s.declares(where, line+" is installed from the version's own files")
			return
		}
		f.Message = fmt.Sprintf("%s is a path outside the version", line)
	default:
		return
	}
	s.add(f)
}

// credential finds what signs in to an address.
var credential = regexp.MustCompile(`://[^/@\s]+@`)

// credentials hides what a report must not show.
func credentials(text string) string {
	return credential.ReplaceAllString(strings.TrimSpace(text), "://…@")
}

// yaml judges the tags of a document, and what a conda environment names.
func (s *Scanner) yaml(it item, text []byte) {
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	for range 1000 {
		var doc yaml.Node
		if err := decoder.Decode(&doc); err != nil {
			break
		}
		s.tags(it, &doc, 0)
		if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
			s.conda(it, doc.Content[0])
		}
	}
	// A parser of another version may read what ours does not, so the text is
	// searched too.
	if m := pythonTag.FindString(string(text)); m != "" {
		s.note(it, models.RuleYAMLTag, yamlRemedy, "the tag %s makes a loader import and call Python", m)
	}
}

var pythonTag = regexp.MustCompile(`(!!|tag:yaml\.org,2002:)python(/|%2[fF])[\w/.:%]*`)

const yamlRemedy = "write the document with plain values; safe loaders refuse the tag, and others run it"

func (s *Scanner) tags(it item, n *yaml.Node, depth int) {
	if depth > 1000 {
		return
	}
	if tag := n.LongTag(); n.Kind != yaml.AliasNode && strings.HasPrefix(tag, "tag:yaml.org,2002:python") {
		at := it
		at.where = fmt.Sprintf("%s:%d", it.where, n.Line)
		s.note(at, models.RuleYAMLTag, yamlRemedy, "the tag %s makes a loader import and call Python", n.Tag)
	}
	for _, child := range n.Content {
		s.tags(it, child, depth+1)
	}
}

// conda judges the dependencies of an environment: conda.yaml and python_env.yaml.
func (s *Scanner) conda(it item, root *yaml.Node) {
	var env struct {
		Channels     []string `yaml:"channels"`
		Dependencies []any    `yaml:"dependencies"`
		Build        []string `yaml:"build_dependencies"`
	}
	if root.Decode(&env) != nil {
		return
	}
	for _, channel := range env.Channels {
		if strings.Contains(channel, "://") {
			s.requirement(it.where, "--extra-index-url "+channel)
		}
	}
	lines := env.Build
	for _, dependency := range env.Dependencies {
		switch d := dependency.(type) {
		case string:
			if strings.Contains(d, "://") {
				lines = append(lines, d)
			}
		case map[string]any:
			pip, _ := d["pip"].([]any)
			for _, line := range pip {
				lines = append(lines, fmt.Sprint(line))
			}
		}
	}
	for _, line := range lines {
		s.requirement(it.where, line)
	}
}

// json judges notebooks and the configurations of Keras and skops.
func (s *Scanner) json(it item, text []byte) {
	var doc any
	if json.Unmarshal(text, &doc) != nil {
		return
	}
	fields, _ := doc.(map[string]any)
	if cells, ok := fields["cells"].([]any); ok {
		code := 0
		for _, cell := range cells {
			if c, ok := cell.(map[string]any); ok && c["cell_type"] == "code" {
				code++
			}
		}
		if code > 0 {
			s.note(it, models.RuleNotebook, "leave notebooks out of the model, or put the rule notebook under allow: of this step", "it is a notebook with %d cells of code", code)
		}
		return
	}
	if _, ok := fields["__loader__"]; ok {
		s.skops(it, doc)
		return
	}
	s.keras(it, doc)
}

// skops holds the types that a skops file makes against what pickles may make.
func (s *Scanner) skops(it item, v any) {
	s.objects(it, v, 0, func(fields map[string]any) {
		module, _ := fields["__module__"].(string)
		class, _ := fields["__class__"].(string)
		if module != "" && class != "" {
			s.skopsType(it, module, class, fmt.Sprint(fields["__loader__"]))
		}
	})
}

// objects calls fn for every object of a JSON document.
func (s *Scanner) objects(it item, v any, depth int, fn func(fields map[string]any)) {
	if depth > 500 {
		s.unread(it, "its configuration is nested too deep")
		return
	}
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			s.objects(it, inner, depth+1, fn)
		}
	case map[string]any:
		fn(v)
		for _, inner := range v {
			s.objects(it, inner, depth+1, fn)
		}
	}
}

// skopsOwn are the types by which skops itself describes functions and parts.
var skopsOwn = map[string]bool{
	"builtins.NoneType": true, "builtins.str": true, "builtins.type": true, "numpy.ufunc": true, "types.FunctionType": true, "builtins.function": true,
	"builtins.cython_function_or_method": true, "builtins.builtin_function_or_method": true, "types.BuiltinFunctionType": true,
}

func (s *Scanner) skopsType(it item, module, class, loader string) {
	name := module + "." + class
	list, ok := known()[[2]string{module, class}]
	if skopsOwn[name] || (ok && list != cloudpickle) || s.ours(module) {
		return
	}
	does := "names " + printable(name)
	if loader == "FunctionNode" || loader == "MethodNode" || loader == "OperatorFuncNode" || loader == "PartialNode" {
		does = "refers to " + printable(name) + " as " + loader
	}
	s.add(Found{
		Rule: models.RulePickleGlobal, Where: it.where, Subject: name,
		Message: fmt.Sprintf("the skops file %s, which no list of known types has", does),
		Remedy:  fmt.Sprintf("if you trust it, put %q under allow: of this step", name),
	})
}

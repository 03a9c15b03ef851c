package checks

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
)

// dependency is a requirement in the form of PEP 508: a name, extras, versions
// or an address, and a marker.
var dependency = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[A-Za-z0-9._,\s-]*\])?\s*` +
	`(?:@\s*(\S+)|\(?\s*((?:(?:===|==|~=|!=|<=|>=|<|>)\s*[^\s,;()<>=~]+\s*,?\s*)*)\)?)\s*(?:;\s*\S.*)?$`)

// clause is one bound on a version.
var clause = regexp.MustCompile(`(===|==|~=|!=|<=|>=|<|>)\s*([^\s,;()]+)`)

// release is a version as PEP 440 writes it, or the beginning of one.
var release = regexp.MustCompile(`^[vV]?(?:\d+!)?\d+(?:\.\d+)*(?:\.\*|(?:[-_.]?[A-Za-z]+[-_.]?\d*)*(?:-\d+)?(?:\+[A-Za-z0-9._-]+)?)$`)

// requirementFile judges a requirements file of pip: whether its lines parse,
// and whether each names one version. Another day they are others.
func requirementFile(name string, text []byte, manifest models.Manifest) []models.Finding {
	var findings []models.Finding
	whole, first := "", 0
	for n, line := range strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n") {
		if whole == "" {
			first = n + 1
		}
		if begun, more := strings.CutSuffix(line, "\\"); more {
			whole += begun + "  "
			continue
		}
		findings = append(findings, requirement(fmt.Sprintf("%s:%d", name, first), whole+line, path.Dir(name), manifest)...)
		whole = ""
	}
	return findings
}

// requirement judges one line of such a file.
func requirement(where, line, dir string, manifest models.Manifest) []models.Finding {
	line, _, _ = strings.Cut(" "+line, " #")
	line, _, _ = strings.Cut(strings.TrimSpace(line), " --") // hashes and options of a requirement
	line = strings.TrimSpace(line)
	switch {
	case line == "" || strings.HasPrefix(line, "#"):
		return nil
	case strings.HasPrefix(line, "-"):
		return included(where, line, dir, manifest)
	case strings.HasPrefix(line, ".") || strings.HasPrefix(line, "/") || strings.Contains(line, "://") && !strings.Contains(line, "@"):
		return nil // a file or an address; unsafe-code judges where from
	}
	m := dependency.FindStringSubmatch(line)
	if m == nil && strings.Contains(line, "://") {
		return nil // an address with a @ of its own
	}
	if m == nil {
		f := problem(where, "%q is no requirement", line)
		f.Remedy = "write it as PEP 508 does, such as onnx==1.17.0"
		return []models.Finding{f}
	}
	if m[2] != "" {
		return nil
	}
	return versions(where, line, m[3])
}

// included judges an option that names another file.
func included(where, line, dir string, manifest models.Manifest) []models.Finding {
	option, file, _ := strings.Cut(strings.Replace(line, "=", " ", 1), " ")
	if !slices.Contains([]string{"-r", "-c", "--requirement", "--constraint"}, option) || strings.Contains(file, "://") {
		return nil
	}
	if p := path.Join(dir, strings.TrimSpace(file)); !holds(manifest, p) {
		return []models.Finding{problem(where, "%q names %s, which is not among the version's files", line, p)}
	}
	return nil
}

// versions judges the bounds of a requirement.
func versions(where, line, bounds string) []models.Finding {
	pinned := false
	for _, c := range clause.FindAllStringSubmatch(bounds, -1) {
		if c[1] != "===" && !release.MatchString(c[2]) {
			return []models.Finding{problem(where, "%q names the version %q, which is none", line, c[2])}
		}
		pinned = pinned || c[1] == "===" || c[1] == "==" && !strings.HasSuffix(c[2], "*")
	}
	if pinned {
		return nil
	}
	f := warning(where, "%q is not pinned", line)
	f.Remedy = "name one version, as in onnx==1.17.0"
	return []models.Finding{f}
}

// tools are packages that install the others; MLflow bounds them by itself.
var tools = []string{"pip", "setuptools", "wheel", "build"}

// environmentFile judges conda.yaml or python_env.yaml.
func environmentFile(name string, text []byte, manifest models.Manifest) []models.Finding {
	var env struct {
		Python       string `yaml:"python"`
		Build        []any  `yaml:"build_dependencies"`
		Dependencies []any  `yaml:"dependencies"`
	}
	if err := yaml.Unmarshal(text, &env); err != nil {
		return []models.Finding{problem(name, "%s does not parse: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))}
	}
	conda := path.Base(name) == "conda.yaml"
	var findings []models.Finding
	if !conda && env.Python == "" {
		findings = append(findings, warning(name, "%s does not say which Python the version needs", name))
	}
	for _, entry := range env.Dependencies {
		switch entry := entry.(type) {
		case string:
			if conda {
				findings = append(findings, condaPackage(name, entry)...)
			} else {
				findings = append(findings, requirement(name, entry, path.Dir(name), manifest)...)
			}
		case map[string]any:
			lines, _ := entry["pip"].([]any)
			for _, line := range lines {
				findings = append(findings, requirement(name, fmt.Sprint(line), path.Dir(name), manifest)...)
			}
		default:
			findings = append(findings, problem(name, "%s: dependencies holds %v, which is no package", name, entry))
		}
	}
	return findings
}

// condaPackage judges one package of conda: name, name=version=build, or bounds.
func condaPackage(where, entry string) []models.Finding {
	name, _, _ := strings.Cut(strings.FieldsFunc(entry+" ", func(r rune) bool { return strings.ContainsRune(" =<>!~", r) })[0], "::")
	if slices.Contains(tools, name) {
		return nil
	}
	_, version, ok := strings.Cut(entry, "=")
	if ok && !strings.ContainsAny(entry, "<>!~*|,") && strings.Trim(version, "= ") != "" {
		return nil
	}
	f := warning(where, "%q is not pinned", entry)
	f.Remedy = "name one version, as in python=3.11.2"
	return []models.Finding{f}
}

package checks

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// usual are files that MLflow writes beside every model without naming them in
// MLmodel.
var usual = []string{
	"MLmodel", "registered_model_meta", "requirements.txt", "conda.yaml", "python_env.yaml", "constraints.txt",
	"input_example.json", "serving_input_example.json",
}

// maxTold bounds the files that a finding names.
const maxTold = 10

// unlisted tells of files for which nothing in MLmodel accounts.
func unlisted(ctx context.Context, s *validation.Subject, m mlmodel) ([]models.Finding, error) {
	var named []string
	for _, flavor := range m.Flavors {
		named = appendTexts(named, flavor)
	}
	if m.Example != nil {
		named = append(named, m.Example.Path, m.Example.Serving)
	}
	rest := unaccounted(s.Manifest, named)
	if flavor, ok := m.Flavors["onnx"]; ok && len(rest) > 0 {
		beside, err := externalFiles(ctx, s, flavor)
		if err != nil {
			return nil, err
		}
		rest = slices.DeleteFunc(rest, func(p string) bool { return slices.Contains(beside, p) })
	}
	if len(rest) == 0 {
		return nil, nil
	}
	told := rest[:min(len(rest), maxTold)]
	more := ""
	if len(rest) > maxTold {
		more = ", …"
	}
	f := warning("MLmodel", "%d files for which MLmodel does not account: %s%s", len(rest), strings.Join(told, ", "), more)
	f.Remedy = "leave them out of the model's folder, or have its flavour name them (extra_files, code_paths)"
	return []models.Finding{f}, nil
}

// unaccounted gives the files that are neither named, nor in a folder that is,
// nor MLflow's own.
func unaccounted(manifest models.Manifest, named []string) []string {
	var rest []string
	for _, e := range manifest.Entries {
		if slices.Contains(usual, e.Path) || slices.ContainsFunc(named, func(name string) bool {
			name = path.Clean(name)
			return name != "." && (e.Path == name || strings.HasPrefix(e.Path, name+"/"))
		}) {
			continue
		}
		rest = append(rest, e.Path)
	}
	return rest
}

// appendTexts gives every text in a flavour: any may be a path.
func appendTexts(all []string, value any) []string {
	switch value := value.(type) {
	case string:
		if value != "" {
			all = append(all, value)
		}
	case []any:
		for _, v := range value {
			all = appendTexts(all, v)
		}
	case map[string]any:
		for _, key := range keys(value) {
			all = appendTexts(all, value[key])
		}
	}
	return all
}

// externalFiles gives the files in which an ONNX file keeps tensors. One that
// does not parse is the check onnx' business.
func externalFiles(ctx context.Context, s *validation.Subject, flavor map[string]any) ([]string, error) {
	file, _ := flavor["data"].(string)
	if !holds(s.Manifest, file) || !filepath.IsLocal(file) {
		return nil, nil
	}
	folder, err := s.Folder(ctx)
	if models.IsKind(err, models.KindConflict) || models.IsKind(err, models.KindNotFound) {
		return nil, nil // a file that is not what was registered, which has been told
	}
	if err != nil {
		return nil, err
	}
	model, err := readONNX(filepath.Join(folder, filepath.FromSlash(file)))
	if err != nil {
		return nil, nil //nolint:nilerr // see above
	}
	var beside []string
	for _, e := range model.External {
		if p, ok := e.beside(file); ok {
			beside = append(beside, p)
		}
	}
	return beside, nil
}

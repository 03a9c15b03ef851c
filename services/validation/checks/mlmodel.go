package checks

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/validation"
)

// mlmodel is what we read of an MLmodel file.
type mlmodel struct {
	Flavors map[string]map[string]any `yaml:"flavors"`
	Example *struct {
		Path    string `yaml:"artifact_path"`
		Type    string `yaml:"type"`
		Serving string `yaml:"serving_input_path"`
	} `yaml:"saved_input_example_info"`
	Signature *struct {
		Inputs  string `yaml:"inputs"` // JSON, as are the others
		Outputs string `yaml:"outputs"`
		Params  string `yaml:"params"`
	} `yaml:"signature"`
}

// maxText bounds a text file that is read whole.
const maxText = 16 << 20

// readText reads a small file of the version whole; not_found where it has none
// of that path.
func readText(ctx context.Context, s *validation.Subject, name string) ([]byte, error) {
	i := slices.IndexFunc(s.Manifest.Entries, func(e models.ManifestEntry) bool { return e.Path == name })
	if i < 0 {
		return nil, models.Errorf(models.KindNotFound, "the version has no file %s", name)
	}
	if size := s.Manifest.Entries[i].Size; size > maxText {
		return nil, models.Errorf(models.KindInvalid, "%s has %d bytes, too many for what it is", name, size)
	}
	body, err := s.Open(ctx, s.Manifest.Entries[i])
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

// readMLmodel reads the version's MLmodel file. What is wrong with it is an
// error of kind invalid, and not_found where there is none.
func readMLmodel(ctx context.Context, s *validation.Subject) (mlmodel, error) {
	text, err := readText(ctx, s, "MLmodel")
	if err != nil {
		return mlmodel{}, err
	}
	var m mlmodel
	if err := yaml.Unmarshal(text, &m); err != nil {
		return mlmodel{}, models.Errorf(models.KindInvalid, "MLmodel does not parse: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(m.Flavors) == 0 {
		return mlmodel{}, models.Errorf(models.KindInvalid, "MLmodel names no flavors")
	}
	return m, nil
}

// pathKeys are the keys under which flavours name files and folders of theirs.
var pathKeys = []string{
	"data", "model_data", "model_path", "pickled_model", "model_code_path", "code", "artifact_path", "saved_model_dir", "model_file", "extra_files",
}

// paths lists what a flavour says is on disk, by the key that says it.
func paths(flavor map[string]any) map[string]string {
	found := map[string]string{}
	for _, key := range pathKeys {
		if p, ok := flavor[key].(string); ok && p != "" {
			found[key] = p
		}
	}
	switch env := flavor["env"].(type) {
	case string:
		found["env"] = env
	case map[string]any:
		for kind, p := range env {
			if p, ok := p.(string); ok && p != "" {
				found["env."+kind] = p
			}
		}
	}
	return found
}

// holds tells whether the version has a file or a folder of that path.
func holds(m models.Manifest, name string) bool {
	name = path.Clean(name)
	return slices.ContainsFunc(m.Entries, func(e models.ManifestEntry) bool {
		return e.Path == name || strings.HasPrefix(e.Path, name+"/")
	})
}

// onnxFile gives the path of the version's ONNX file; "" where MLmodel says
// that it is no ONNX model.
func onnxFile(ctx context.Context, s *validation.Subject) (string, error) {
	m, err := readMLmodel(ctx, s)
	if err != nil {
		return "", err
	}
	flavor, ok := m.Flavors["onnx"]
	if !ok {
		return "", nil
	}
	data, ok := flavor["data"].(string)
	if !ok {
		return "", models.Errorf(models.KindInvalid, "MLmodel: flavors.onnx names no data")
	}
	return data, nil
}

func problem(where, format string, args ...any) models.Finding {
	return models.Finding{Severity: models.SeverityError, Where: where, Message: fmt.Sprintf(format, args...)}
}

func warning(where, format string, args ...any) models.Finding {
	return models.Finding{Severity: models.SeverityWarning, Where: where, Message: fmt.Sprintf(format, args...)}
}

func info(where, format string, args ...any) models.Finding {
	return models.Finding{Severity: models.SeverityInfo, Where: where, Message: fmt.Sprintf(format, args...)}
}

// blame makes a problem of an error that is the version's own fault (a file
// that is missing, or not what it should be), and passes any other.
func blame(where string, err error) ([]models.Finding, error) {
	switch models.KindOf(err) {
	case models.KindInvalid, models.KindNotFound, models.KindConflict:
		return []models.Finding{problem(where, "%s", err.Error())}, nil
	default:
		return nil, err
	}
}

func keys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

package serving

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// Folder is where a model lies: its ONNX file, and the columns that its
// signature wants, in order (nil where it has none).
type Folder struct {
	ONNX    string
	Columns []string
}

// OpenFolder reads an MLflow model folder by its MLmodel; a bare ONNX file is
// taken as it is.
func OpenFolder(path string) (Folder, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return Folder{}, err
	}
	if !stat.IsDir() {
		return Folder{ONNX: path}, nil
	}
	text, err := os.ReadFile(filepath.Join(path, "MLmodel"))
	if err != nil {
		return Folder{}, fmt.Errorf("%s is no MLflow model folder: %w", path, err)
	}
	var doc struct {
		Flavors struct {
			ONNX *struct {
				Data string `yaml:"data"`
			} `yaml:"onnx"`
		} `yaml:"flavors"`
		Signature struct {
			Inputs string `yaml:"inputs"`
		} `yaml:"signature"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return Folder{}, fmt.Errorf("MLmodel does not parse: %w", err)
	}
	if doc.Flavors.ONNX == nil {
		return Folder{}, fmt.Errorf("MLmodel has no flavour onnx: slipway-serve runs ONNX models")
	}
	data := doc.Flavors.ONNX.Data
	if !filepath.IsLocal(data) {
		return Folder{}, fmt.Errorf("MLmodel: flavors.onnx.data %q is no path inside the model", data)
	}
	columns, err := signatureColumns(doc.Signature.Inputs)
	if err != nil {
		return Folder{}, fmt.Errorf("MLmodel: signature.inputs: %w", err)
	}
	return Folder{ONNX: filepath.Join(path, data), Columns: columns}, nil
}

// signatureColumns are the names of a column signature. A tensor signature has
// none: the ONNX file knows better.
func signatureColumns(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var specs []struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}
	if err := json.Unmarshal([]byte(text), &specs); err != nil {
		return nil, err
	}
	var columns []string
	for _, s := range specs {
		if s.Type == "tensor" || s.Name == "" {
			return nil, nil
		}
		columns = append(columns, s.Name)
	}
	return columns, nil
}

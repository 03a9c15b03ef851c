package scan

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// kerasCode are the layers that carry code, or a model of a kind that does.
var kerasCode = map[string]string{
	"Lambda": "carries a function as compiled Python", "TFSMLayer": "loads a TensorFlow graph from a path",
	"TorchModuleWrapper": "carries a pickled PyTorch module", "JaxLayer": "carries a function", "FlaxLayer": "carries a function",
}

// kerasParts are the parts of Keras that a configuration names: what comes
// behind keras. or keras.src. in a module.
var kerasParts = map[string]bool{
	"layers": true, "models": true, "engine": true, "initializers": true, "regularizers": true, "constraints": true, "optimizers": true,
	"losses": true, "metrics": true, "activations": true, "dtype_policies": true, "random": true, "quantizers": true, "distillation": true,
}

var kerasRoot = regexp.MustCompile(`^(keras|tf_keras|tensorflow\.keras|tensorflow\.python\.keras|keras_core)(\.src|\.api|\._tf_keras\.keras)?(\.|$)`)

const kerasRemedy = "rebuild the model from Keras' own layers, or save it as ONNX"

// keras judges a configuration: its layers, and the modules that it imports.
func (s *Scanner) keras(it item, v any) {
	s.objects(it, v, 0, func(fields map[string]any) {
		if class, ok := fields["class_name"].(string); ok {
			s.kerasClass(it, class, fields)
		}
	})
}

func (s *Scanner) kerasClass(it item, class string, fields map[string]any) {
	module, _ := fields["module"].(string)
	last := class[strings.LastIndexAny(class, ">.")+1:]
	if does, ok := kerasCode[last]; ok {
		s.note(it, models.RuleKerasCode, kerasRemedy, "a layer of the class %s %s, which runs when the model is loaded or called", printable(class), does)
		return
	}
	if _, ok := fields["config"]; !ok || module == "" {
		return // by a name that is registered, or a part of Keras
	}
	root := kerasRoot.FindString(module)
	part, _, _ := strings.Cut(strings.TrimPrefix(module, root), ".")
	proper := class != "" && (strings.ToUpper(class[:1]) == class[:1] || class == "function")
	switch {
	case root != "" && proper && (part == "" || kerasParts[part]):
	case module == "builtins" && (class == "function" || class == "slice"):
		if name, ok := fields["config"].(string); ok && !identifier(name) {
			s.note(it, models.RuleKerasCode, kerasRemedy, "a function of the odd name %s is asked for", printable(name))
		}
	case s.ours(module):
		s.declares(it.where, "it names "+printable(module+"."+class)+" of the version's own code")
	default:
		s.add(Found{
			Rule: models.RuleKerasCode, Where: it.where, Subject: module + "." + class,
			Message: "the configuration imports " + printable(module+"."+class) + ", which is not Keras",
			Remedy:  "if it is a class of yours that you trust, put its dotted name under allow: of this step; do not load the file otherwise",
		})
	}
}

// isHDF5 looks for the signature where the format allows it to stand.
func isHDF5(it item, head []byte) bool {
	const sign = "\x89HDF\r\n\x1a\n"
	if bytes.HasPrefix(head, []byte(sign)) {
		return true
	}
	if it.ext() != ".h5" && it.ext() != ".hdf5" && it.ext() != ".keras" {
		return false
	}
	for at := int64(512); at < it.size && at <= 1<<20; at *= 2 {
		b := make([]byte, len(sign))
		if _, err := it.ReadAt(b, at); err == nil && string(b) == sign {
			return true
		}
	}
	return false
}

// hdf5 reads what Keras needs of an HDF5 file: the configurations, which are
// JSON in attributes. An attribute is neither compressed nor cut into pieces,
// so each object of JSON is found where it begins, whatever points to it.
func (s *Scanner) hdf5(it item, _ []byte) error {
	buf := make([]byte, 1<<20)
	for at := int64(0); at < it.size; {
		n, err := it.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		next, from := int64(n), 0
		for {
			i := bytes.IndexByte(buf[from:n], '{')
			if i < 0 {
				break
			}
			from += i
			if !begins(buf[from:n]) {
				from++
				continue
			}
			var doc any
			decoder := json.NewDecoder(io.NewSectionReader(it, at+int64(from), min(it.size-at-int64(from), maxText)))
			if decoder.Decode(&doc) != nil {
				from++
				continue
			}
			s.keras(it, doc)
			if next = int64(from) + decoder.InputOffset(); next >= int64(n) {
				break
			}
			from, next = int(next), int64(n)
		}
		if at += next; next == int64(n) && at < it.size && n > 64 {
			at -= 64 // an object may begin at the border
		}
		if n == 0 {
			return nil
		}
	}
	return nil
}

// begins tells whether an object of JSON may begin here, with a key.
func begins(b []byte) bool {
	b = bytes.TrimLeft(b[1:min(len(b), 64)], " \t\r\n")
	return len(b) > 1 && b[0] == '"' && b[1] >= 32 && b[1] < 127
}

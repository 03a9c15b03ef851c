package validation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/storage"
)

// The names of inputs. Those of digests end in _digest.
const (
	inputCheck         = "check"
	inputVersion       = "check_version"
	inputCommand       = "command"
	inputModel         = "model_digest"
	inputDataset       = "dataset"
	inputDatasetDigest = "dataset_digest"
	inputSettings      = "settings"
	inputServe         = "slipway_serve_digest"
	inputRuntime       = "onnxruntime_digest"
	inputCompare       = "compare"
	inputChampion      = "champion"
	inputChampionFiles = "champion_digest"
)

// inputs tells exactly what a step looks at, so that anybody can repeat it.
func (s *Service) inputs(ctx context.Context, subject *Subject, declared pipeline.Check) (map[string]string, error) {
	in := map[string]string{inputCheck: declared.Name, inputModel: digestOf(subject.Version, subject.Manifest.Entries)}
	if declared.Version > 0 {
		in[inputVersion] = strconv.Itoa(declared.Version)
	}
	if subject.Step.Run != "" {
		in[inputCommand] = subject.Step.Run
	}
	settings, err := ownSettings(subject.Step)
	if err != nil {
		return nil, err
	}
	if settings != "" && settings != "{}" {
		in[inputSettings] = settings
	}
	if !declared.Guard { // a guard runs nothing
		for name, path := range map[string]string{inputServe: s.Settings.Serve, inputRuntime: s.Settings.Runtime} {
			if in[name], err = s.programs.of(path); err != nil {
				return nil, err
			}
		}
	}
	return in, s.DB.View(ctx, func(tx storage.Tx) error {
		if ref := subject.Step.Dataset; ref != nil {
			set, err := tx.Datasets().Version(*ref)
			if err != nil {
				return err
			}
			in[inputDataset], in[inputDatasetDigest] = ref.String(), "sha256:"+set.Digest
		}
		if subject.Step.Compare == nil {
			return nil
		}
		compare, err := json.Marshal(subject.Step.Compare)
		if err != nil {
			return err
		}
		in[inputCompare] = string(compare) // a check that compares by itself judges by it
		champion, err := opponent(tx, subject.Version, subject.Step.Compare.Against)
		if err == nil && champion != nil {
			entries, err := tx.Manifests().Get(champion.ID)
			if err != nil {
				return err
			}
			in[inputChampion], in[inputChampionFiles] = champion.Ref(), digestOf(*champion, entries)
		}
		return err
	})
}

// digestOf names a version's files by their manifest's digest, or by their own
// while it has none.
func digestOf(v models.Version, entries []models.ManifestEntry) string {
	if v.Digest != "" {
		return "sha256:" + v.Digest
	}
	sum := sha256.New()
	for _, e := range entries {
		_, _ = fmt.Fprintf(sum, "%q %s\n", e.Path, e.SHA256)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// ownSettings gives a check's own fields of a step, the same text for the same
// settings; "" where it has none.
func ownSettings(step models.StepSpec) (string, error) {
	if len(step.Settings) == 0 {
		return "", nil
	}
	var fields map[string]any
	if err := json.Unmarshal(step.Settings, &fields); err != nil {
		return "", fmt.Errorf("decode the settings of step %q: %w", step.Name, err)
	}
	text, err := json.Marshal(fields) // by name
	if err != nil {
		return "", fmt.Errorf("encode the settings of step %q: %w", step.Name, err)
	}
	return string(text), nil
}

// keyOf names inputs: the same key, the same result. "" where a check's result
// depends on more than them.
func keyOf(in map[string]string, declared pipeline.Check) (string, error) {
	if declared.Version == 0 || declared.Name == Command {
		return "", nil
	}
	text, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("encode the inputs of %s: %w", declared.Name, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// digests remembers those of programs, which change with an installation only.
type digests struct {
	mu   sync.Mutex
	seen map[string]seenFile
}

type seenFile struct {
	size    int64
	changed time.Time
	digest  string
}

// of gives a file's digest; "absent" where there is none.
func (d *digests) of(path string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return "absent", nil
	}
	if err != nil {
		return "", err
	}
	if was, ok := d.seen[path]; ok && was.size == info.Size() && was.changed.Equal(info.ModTime()) {
		return was.digest, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if d.seen == nil {
		d.seen = map[string]seenFile{}
	}
	is := seenFile{info.Size(), info.ModTime(), "sha256:" + hex.EncodeToString(sum.Sum(nil))}
	d.seen[path] = is
	return is.digest, nil
}

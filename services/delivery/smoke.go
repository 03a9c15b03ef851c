package delivery

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
)

// smokeTime bounds the trial of one instance; its first inference is slow.
const smokeTime = time.Minute

// smoke asks each instance of a new release, at its own address, one question
// before it gets any traffic, and tells what was asked: the model's own input
// example, else uniform noise. Noise and not zeros: some models fail on what
// is all dark, and no caller sends that.
func (s *Service) smoke(ctx context.Context, p models.Promotion, r models.Release, instances []deploy.Instance) (string, error) {
	example, err := s.example(ctx, r.VersionID)
	if err != nil {
		s.Log.WarnContext(ctx, "no input example, noise will do", "model", r.Model, "version", r.Version, "error", err)
	}
	what := "with the model's input example"
	for _, i := range instances {
		trying, cancel := s.whileIn(ctx, p, smokeTime)
		if example != nil {
			err = post(trying, i, "/invocations", example)
		} else {
			what = "with noise"
			err = noise(trying, i, r.Model)
		}
		cancel()
		if err != nil {
			return "", err
		}
	}
	return what, nil
}

// maxExample is the largest input example that is sent; noise does for others.
const maxExample = 16 << 20

// example reads the request that MLflow keeps beside a model's input example;
// nil where there is none.
func (s *Service) example(ctx context.Context, versionID int64) ([]byte, error) {
	manifest, err := s.Files.Manifest(ctx, versionID)
	if err != nil {
		return nil, fmt.Errorf("read the manifest: %w", err)
	}
	for _, e := range manifest.Entries {
		if path.Base(e.Path) != "serving_input_example.json" || e.Size > maxExample {
			continue
		}
		r, err := s.Files.Open(ctx, e)
		if err != nil {
			return nil, fmt.Errorf("read the input example: %w", err)
		}
		defer func() { _ = r.Close() }()
		return io.ReadAll(r)
	}
	return nil, nil
}

// noise asks for an inference on what the model's own metadata says it takes.
func noise(ctx context.Context, i deploy.Instance, model string) error {
	at := "/v2/models/" + url.PathEscape(model)
	var meta struct {
		Inputs []tensor `json:"inputs"`
	}
	text, err := get(ctx, i, at)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return models.Errorf(models.KindInvalid, "instance %s answers %s with no JSON", i.ID, at)
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // noise, and the same each time
	guessed := ""
	for n := range meta.Inputs {
		if slices.ContainsFunc(meta.Inputs[n].Shape[min(1, len(meta.Inputs[n].Shape)):], func(d int64) bool { return d < 1 }) {
			guessed = fmt.Sprintf(" (input %q leaves dimensions open and %d was taken for them: log the model with an input example if that does not suit it)", meta.Inputs[n].Name, openSize)
		}
		if !meta.Inputs[n].fill(random) {
			return models.Errorf(models.KindInvalid, "input %q is of type %s, which noise cannot stand for: log the model with an input example",
				meta.Inputs[n].Name, meta.Inputs[n].Datatype)
		}
	}
	body, err := json.Marshal(map[string]any{"inputs": meta.Inputs})
	if err != nil {
		return err
	}
	if err := post(ctx, i, at+"/infer", body); err != nil {
		return models.Errorf(models.KindInvalid, "%s%s", message(err), guessed)
	}
	return nil
}

// tensor is one input in the Open Inference Protocol.
type tensor struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
	Data     []any   `json:"data,omitempty"`
}

// openSize stands for dimensions that a model leaves open, but the batch: image
// models want multiples of 32.
const openSize = 64

// fill puts uniform noise in 0..1 into a tensor; whole numbers are 0 or 1.
func (t *tensor) fill(random *rand.Rand) bool {
	size := int64(1)
	for n, d := range t.Shape {
		if d < 1 {
			t.Shape[n] = openSize
			if n == 0 {
				t.Shape[n] = 1
			}
		}
		size *= t.Shape[n]
	}
	t.Data = make([]any, size)
	for n := range t.Data {
		switch {
		case strings.HasPrefix(t.Datatype, "FP"):
			t.Data[n] = random.Float32()
		case strings.HasPrefix(t.Datatype, "INT"), strings.HasPrefix(t.Datatype, "UINT"):
			t.Data[n] = random.IntN(2)
		case t.Datatype == "BOOL":
			t.Data[n] = random.IntN(2) == 1
		default:
			return false
		}
	}
	return true
}

func get(ctx context.Context, i deploy.Instance, at string) ([]byte, error) {
	return call(ctx, i, http.MethodGet, at, nil)
}

func post(ctx context.Context, i deploy.Instance, at string, body []byte) error {
	_, err := call(ctx, i, http.MethodPost, at, body)
	return err
}

// call sends one request to an instance and wants a 200.
func call(ctx context.Context, i deploy.Instance, method, at string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+i.Address+at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "instance %s does not answer %s %s", i.ID, method, at).Because(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return nil, models.Errorf(models.KindInvalid, "instance %s broke off its answer to %s %s", i.ID, method, at).Because(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, models.Errorf(models.KindInvalid, "instance %s answered %s %s with %d: %s", i.ID, method, at, resp.StatusCode, short(text))
	}
	return text, nil
}

func short(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	if len(line) > 300 {
		line = line[:300] + "…"
	}
	return line
}

package checks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// sight is what a detector saw on the images of a data set.
type sight struct {
	images          []seenImage
	layout          string
	findings        [][]models.Finding // by image: what kept it from being looked at
	unreadable      int
	firstUnreadable string
	capped          int // images with as many boxes as are kept
}

// seenImage is slipway-serve's answer to /detect.
type seenImage struct {
	Width  int             `json:"width"`
	Height int             `json:"height"`
	Layout string          `json:"layout"`
	Boxes  []detection.Box `json:"boxes"`
	fault  fault
	words  string
}

// fault tells whose fault it is that an image has no boxes.
type fault int

const (
	none    fault = iota
	ofImage       // it does not decode
	ofModel       // the model fails on it
	ofKind        // the model is no detector
)

// exhausted is after how many failures of the model the rest is not tried.
const exhausted = 20

// detect sends the images to slipway-serve, several at once; they stream from
// the artifact store.
func detect(ctx context.Context, s *validation.Subject, served *validation.Served, images []models.LabeledImage, maxDet int) (sight, error) {
	seen := sight{images: make([]seenImage, len(images))}
	target := fmt.Sprintf("/detect?conf=%g&iou=%g&max_det=%d", confidence, suppress, maxDet)
	var done, failures atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, s.Settings.Parallel))
	for i, image := range images {
		group.Go(func() error {
			if failures.Load() >= exhausted || ctx.Err() != nil {
				return ctx.Err()
			}
			got, err := look(ctx, s, served, target, image.File)
			if err != nil {
				return err
			}
			if got.fault == ofModel || got.fault == ofKind {
				failures.Add(1)
			}
			seen.images[i] = got
			s.Progress(done.Add(1), int64(len(images)), "images")
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return seen, err
	}
	seen.sum(images, maxDet)
	return seen, nil
}

func look(ctx context.Context, s *validation.Subject, served *validation.Served, target string, image models.DatasetFile) (seenImage, error) {
	var seen seenImage
	body, err := s.Datasets.Read(ctx, image)
	if err != nil {
		return seen, err
	}
	defer func() { _ = body.Close() }()
	stream := &noted{Reader: body}
	header := http.Header{"Content-Type": {"image/" + strings.TrimPrefix(strings.ToLower(path.Ext(image.Path)), ".")}}
	status, answer, err := served.Do(ctx, http.MethodPost, target, stream, header)
	if stream.err != nil { // the store's fault, whatever came of it
		return seen, fmt.Errorf("read %s: %w", image.Path, stream.err)
	}
	if err != nil {
		return seen, err
	}
	if status == http.StatusOK {
		if err := json.Unmarshal(answer, &seen); err != nil {
			return seen, models.Errorf(models.KindInternal, "slipway-serve's answer to %s does not parse", image.Path).Because(err)
		}
		return seen, nil
	}
	var said struct {
		Code string `json:"error_code"`
	}
	_ = json.Unmarshal(answer, &said) // a code that is not there is none of those below
	refused := refusal(status, answer)
	seen.words = refused.message
	switch {
	case said.Code == "NOT_A_DETECTOR":
		seen.fault = ofKind
	case refused.fault && strings.HasPrefix(said.Code, "MODEL_"):
		seen.fault = ofModel
	case !refused.fault && (status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge):
		seen.fault = ofImage
	default:
		return seen, models.Errorf(models.KindUnavailable, "slipway-serve answered %s with %d: %s", image.Path, status, refused.message)
	}
	return seen, nil
}

// noted keeps the error of a stream, which an HTTP client may swallow.
type noted struct {
	io.Reader
	err error
}

// Read implements io.Reader.
func (n *noted) Read(p []byte) (int, error) {
	k, err := n.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return k, err
}

// sum puts together what was said of the images.
func (s *sight) sum(images []models.LabeledImage, maxDet int) {
	s.findings = make([][]models.Finding, len(images))
	for i, image := range s.images {
		name := images[i].File.Path
		switch image.fault {
		case ofImage:
			f := problem(name, "%s does not decode: %s", name, image.words)
			f.Remedy = "mend or remove it and push the data set again, or name it under exclude"
			s.findings[i] = []models.Finding{f}
			if s.unreadable++; s.unreadable == 1 {
				s.firstUnreadable = name
			}
		case ofModel:
			s.findings[i] = []models.Finding{problem(name, "the model fails on %s: %s", name, image.words)}
		case ofKind:
			s.findings[i] = []models.Finding{problem("model", "%s", image.words)}
		case none:
			if image.Layout != "" {
				s.layout = image.Layout
			}
			if len(image.Boxes) >= maxDet {
				s.capped++
			}
		}
	}
}

// faults gives the findings, each once.
func (s *sight) faults() []models.Finding {
	var all []models.Finding
	for _, f := range slices.Concat(s.findings...) {
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

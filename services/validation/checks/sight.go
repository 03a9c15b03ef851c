package checks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// sight is what a detector saw on the images of a data set.
type sight struct {
	evidence        *detection.Evidence
	first           detection.Answer // to some image, without its boxes: layout, input and classes are the same for all
	faults          []models.Finding // what kept images from being looked at, each once
	unreadable      int
	firstUnreadable string
	capped          int // images with as many boxes as are kept
	beyond          int // the highest class found; -1 where none is
}

// seer looks at images; its methods may run at once.
type seer struct {
	*validation.Subject
	served   *validation.Served
	settings detectionSettings
	classes  []int // the data set's class of each of the model's; nil: the same
	target   string
	matching detection.Settings

	mu       sync.Mutex
	sight    sight
	failures atomic.Int64
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

func newSeer(s *validation.Subject, served *validation.Served, settings detectionSettings, set models.DatasetVersion, classes []int) *seer {
	convention := detection.Convention(settings.Convention)
	query := url.Values{
		"conf": {plain(lowest)}, "iou": {plain(suppress)}, "max_det": {strconv.Itoa(settings.MaxDet)},
		"convention": {settings.Convention}, "classes": {strconv.Itoa(len(set.Classes))},
	}
	if settings.Layout != "" {
		query.Set("layout", string(settings.Layout))
	}
	return &seer{
		Subject: s, served: served, settings: settings, classes: classes, target: "/detect?" + query.Encode(),
		matching: detection.Settings{Convention: convention, Confidence: settings.Confidence, MaxDet: settings.MaxDet},
		sight: sight{beyond: -1, evidence: &detection.Evidence{
			Convention: convention, Classes: set.Classes, Confidence: settings.Confidence, MaxDet: settings.MaxDet,
		}},
	}
}

func plain(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// look sends the images to slipway-serve, some more at once than it runs, so
// that reading, decoding and matching go on while the model runs; they stream
// from the artifact store, and of each no more is kept than its evidence.
func (s *seer) look(ctx context.Context, images []models.LabeledImage) (sight, error) {
	s.sight.evidence.Pictures = make([]detection.Picture, len(images))
	faults := make([]*models.Finding, len(images))
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * max(1, s.Settings.Parallel))
	for i, image := range images {
		group.Go(func() error {
			if s.failures.Load() >= exhausted || ctx.Err() != nil {
				return ctx.Err()
			}
			var err error
			if s.sight.evidence.Pictures[i], faults[i], err = s.one(ctx, image); err != nil {
				return err
			}
			s.Progress(done.Add(1), int64(len(images)), "images")
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return s.sight, err
	}
	for _, f := range faults {
		if f != nil && !slices.Contains(s.sight.faults, *f) {
			s.sight.faults = append(s.sight.faults, *f)
		}
	}
	return s.sight, nil
}

// one looks at one image and matches what is found with its labels.
func (s *seer) one(ctx context.Context, image models.LabeledImage) (detection.Picture, *models.Finding, error) {
	answer, whose, words, err := s.ask(ctx, image.File)
	if err != nil {
		return detection.Picture{}, nil, err
	}
	if whose != none {
		f := s.blame(whose, image.File.Path, words)
		return detection.Picture{}, &f, nil
	}
	boxes := answer.Boxes
	s.note(answer)
	if s.classes != nil {
		boxes = boxes[:0]
		for _, box := range answer.Boxes {
			if box.ClassID >= 0 && box.ClassID < len(s.classes) && s.classes[box.ClassID] >= 0 {
				box.ClassID = s.classes[box.ClassID]
				boxes = append(boxes, box)
			}
		}
	}
	return s.matching.Match(image.File.Path, answer.Width, answer.Height, boxes, labels(image, answer.Width, answer.Height)), nil, nil
}

func labels(image models.LabeledImage, width, height int) []detection.Label {
	out := make([]detection.Label, 0, len(image.Boxes)+len(image.Crowds))
	w, h := float64(width), float64(height)
	add := func(boxes []models.LabelBox, crowd bool) {
		for _, l := range boxes {
			out = append(out, detection.Label{ClassID: l.Class, Crowd: crowd, Box: detection.Rect{
				(l.CX - l.Width/2) * w, (l.CY - l.Height/2) * h, (l.CX + l.Width/2) * w, (l.CY + l.Height/2) * h,
			}})
		}
	}
	add(image.Boxes, false)
	add(image.Crowds, true)
	return out
}

func (s *seer) note(answer detection.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(answer.Boxes) >= s.settings.MaxDet {
		s.sight.capped++
	}
	for _, b := range answer.Boxes {
		s.sight.beyond = max(s.sight.beyond, b.ClassID)
	}
	answer.Boxes = nil
	s.sight.first = answer
}

// blame says why an image could not be looked at.
func (s *seer) blame(whose fault, name, words string) models.Finding {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch whose {
	case ofImage:
		if s.sight.unreadable++; s.sight.firstUnreadable == "" || name < s.sight.firstUnreadable {
			s.sight.firstUnreadable = name
		}
		f := problem(name, "%s does not decode: %s", name, words)
		f.Remedy = "mend or remove it and push the data set again, or name it under exclude"
		return f
	case ofModel:
		s.failures.Add(1)
		return problem(name, "the model fails on %s: %s", name, words)
	default:
		s.failures.Add(1)
		return problem("model", "%s", words)
	}
}

// ask has slipway-serve look at an image.
func (s *seer) ask(ctx context.Context, image models.DatasetFile) (answer detection.Answer, whose fault, words string, err error) {
	body, err := s.Datasets.Read(ctx, image)
	if err != nil {
		return answer, none, "", err
	}
	defer func() { _ = body.Close() }()
	stream := &noted{Reader: body}
	header := http.Header{
		"Content-Type": {"image/" + strings.TrimPrefix(strings.ToLower(path.Ext(image.Path)), ".")}, "Accept": {detection.AnswerType},
	}
	status, text, err := s.served.Do(ctx, http.MethodPost, s.target, stream, header)
	if stream.err != nil { // the store's fault, whatever came of it
		return answer, none, "", fmt.Errorf("read %s: %w", image.Path, stream.err)
	}
	if err != nil {
		return answer, none, "", err
	}
	if status == http.StatusOK {
		if answer, err = detection.ReadAnswer(text); err != nil {
			err = models.Errorf(models.KindInternal, "slipway-serve's answer to %s does not parse", image.Path).Because(err)
		}
		return answer, none, "", err
	}
	var said struct {
		Code string `json:"error_code"`
	}
	_ = json.Unmarshal(text, &said) // a code that is not there is none of those below
	refused := refusal(status, text)
	switch {
	case said.Code == "NOT_A_DETECTOR":
		return answer, ofKind, refused.message, nil
	case refused.fault && strings.HasPrefix(said.Code, "MODEL_"):
		return answer, ofModel, refused.message, nil
	case !refused.fault && (status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge):
		return answer, ofImage, refused.message, nil
	}
	return answer, none, "", models.Errorf(models.KindInvalid, "slipway-serve answered %s with %d: %s", image.Path, status, refused.message)
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

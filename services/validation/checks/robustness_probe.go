package checks

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// odd is what a detector did with pictures that no data set holds.
type odd struct {
	findings   []models.Finding
	unanswered int
	noDetector bool
}

// probe asks an all-black, an all-white, a grey, a noisy, a tiny and a huge
// picture: as a caller does, and as a tensor, whose answer shows what is no
// number.
func probe(ctx context.Context, s *validation.Subject, served *validation.Served, classes int) (odd, error) {
	var o odd
	width, height, err := o.inputSize(ctx, served, classes)
	if err != nil || o.noDetector {
		return o, err
	}
	for _, p := range oddPictures(width, height) {
		fault, err := o.ask(ctx, s, served, flat(p.width, p.height, p.value), classes)
		if err != nil {
			return o, err
		}
		o.note(p.name, fault)
	}
	return o, nil
}

// oddPicture is one that no data set holds.
type oddPicture struct {
	name          string
	width, height int
	value         func() uint8
}

// oddPictures are those that live traffic brings; width and height are the
// model's input's.
func oddPictures(width, height int) []oddPicture {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // noise, no secret
	return []oddPicture{
		{"an all-black picture", width, height, func() uint8 { return 0 }},
		{"an all-white picture", width, height, func() uint8 { return 255 }},
		{"a grey picture", width, height, func() uint8 { return 128 }},
		{"a picture of noise", width, height, func() uint8 { return uint8(random.Uint32N(256)) }},
		{"a picture of 1x1 pixels", 1, 1, func() uint8 { return 128 }},
		{"a picture of 4000x3000 pixels", 4000, 3000, func() uint8 { return 200 }},
		{"a picture of 2000x1 pixels", 2000, 1, func() uint8 { return 90 }},
	}
}

// note keeps what is wrong with the answer to an odd picture; "" is nothing.
func (o *odd) note(name, fault string) {
	if fault == "" {
		return
	}
	f := problem("model", "it does not answer %s: %s", name, fault)
	f.Remedy = "such pictures come with live traffic (a covered lens, a flash, a broken upload): mend the export's preprocessing"
	o.findings = append(o.findings, f)
	o.unanswered++
}

// inputSize asks a small picture for the size of the model's input. A picture
// of that size is not padded, so that nothing else is in it.
func (o *odd) inputSize(ctx context.Context, served *validation.Served, classes int) (width, height int, err error) {
	body, err := encode(flat(64, 64, func() uint8 { return 200 }))
	if err != nil {
		return 0, 0, err
	}
	got, err := boxesOf(ctx, served, body, classes)
	if err != nil {
		return 0, 0, err
	}
	if got.fault == ofKind {
		o.noDetector = true
		o.findings = append(o.findings, problem("model", "%s", got.words))
	}
	if got.InputWidth == 0 {
		return 640, 640, nil // it failed, and will be told below
	}
	return got.InputWidth, got.InputHeight, nil
}

// flat makes a picture of one kind of value.
func flat(width, height int, value func() uint8) detection.Image {
	im := detection.Image{Width: width, Height: height, Pix: make([]uint8, 3*width*height)}
	for i := range im.Pix {
		im.Pix[i] = value()
	}
	return im
}

// ask sends a picture as a caller does, and as a tensor, whose answer shows
// what is no number; it says what is wrong, "" for nothing.
func (o *odd) ask(ctx context.Context, s *validation.Subject, served *validation.Served, im detection.Image, classes int) (string, error) {
	body, err := encode(im)
	if err != nil {
		return "", err
	}
	got, err := boxesOf(ctx, served, body, classes)
	if err != nil || got.fault != none {
		return got.words, err
	}
	inputs, err := modelInputs(ctx, s, served)
	if err != nil || len(inputs) != 1 {
		return "", err // of several inputs slipway-serve alone knows how to fill them
	}
	data, _ := im.Letterbox(got.InputWidth, got.InputHeight, detection.COCO)
	t := tensor{Name: inputs[0].Name, Datatype: "FP32", Shape: []int64{1, 3, int64(got.InputHeight), int64(got.InputWidth)}, raw: floatBytes(data)}
	answer, err := noise{inputs: []tensor{t}}.question(s.Version.Model).ask(ctx, served)
	if no := (*refusedError)(nil); errors.As(err, &no) && no.fault {
		return no.message, nil
	}
	if err != nil {
		return "", err
	}
	for _, f := range answer.faults("it") {
		return f.Message, nil
	}
	return "", nil
}

// looked is a detector's answer to a picture, or why there is none.
type looked struct {
	detection.Answer
	fault fault
	words string
}

// boxesOf asks /detect.
func boxesOf(ctx context.Context, served *validation.Served, body []byte, classes int) (looked, error) {
	var seen looked
	target := fmt.Sprintf("/detect?conf=%s&iou=%s&max_det=%d&classes=%d", plain(lowest), plain(suppress), maxBoxes, classes)
	status, text, err := served.Do(ctx, http.MethodPost, target, bytes.NewReader(body), http.Header{"Accept": {detection.AnswerType}})
	if err != nil {
		return seen, err
	}
	if status == http.StatusOK {
		if seen.Answer, err = detection.ReadAnswer(text); err != nil {
			return seen, models.Errorf(models.KindInternal, "slipway-serve's answer to a picture does not parse").Because(err)
		}
		for _, b := range seen.Boxes {
			if sum := b.Score + b.Box[0] + b.Box[1] + b.Box[2] + b.Box[3]; math.IsNaN(sum) || math.IsInf(sum, 0) {
				seen.fault, seen.words = ofModel, "its boxes are no numbers"
			}
		}
		return seen, nil
	}
	var said struct {
		Code string `json:"error_code"`
	}
	_ = json.Unmarshal(text, &said) // a code that is not there is none of those below
	refused := refusal(status, text)
	seen.fault, seen.words = ofModel, refused.message
	switch {
	case said.Code == "NOT_A_DETECTOR":
		seen.fault = ofKind
	case !strings.HasPrefix(said.Code, "MODEL_"):
		return seen, models.Errorf(models.KindUnavailable, "slipway-serve answered a picture with %d: %s", status, refused.message)
	}
	return seen, nil
}

func floatBytes(data []float32) []byte {
	raw := make([]byte, 0, 4*len(data))
	for _, v := range data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return raw
}

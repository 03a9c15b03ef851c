package serving

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/services/detection"
)

// detect answers the boxes of a picture, in pixels of the upright original.
func (s *Server) detect(w http.ResponseWriter, r *http.Request) error {
	asked, err := detectOptions(r.URL.Query())
	if err != nil {
		return err
	}
	input, err := s.detector()
	if err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	picture, err := detection.Decode(body)
	if err != nil {
		return err
	}
	in := detection.Input{Meta: s.meta, Classes: asked.classes}
	in.Height, in.Width = s.inputSize(input)
	if in.Height > detection.MaxPixels/in.Width {
		return notDetector(fmt.Sprintf("its input is %dx%d pixels, at most %d are carried", in.Width, in.Height, detection.MaxPixels))
	}
	head, outputs, fit, err := s.look(r.Context(), picture, input, in, asked)
	if err != nil {
		return err
	}
	answer := detection.Answer{
		Width: fit.Width, Height: fit.Height, InputWidth: in.Width, InputHeight: in.Height,
		Classes: head.Classes, Layout: head.Layout, Boxes: head.Boxes(outputs, in, fit, asked.options),
	}
	if r.Header.Get("Accept") == detection.AnswerType {
		w.Header().Set("Content-Type", detection.AnswerType)
		_, _ = w.Write(answer.Append(nil)) // the caller may have gone
		return nil
	}
	reply(w, http.StatusOK, answer)
	return nil
}

// look runs the model on a picture. What the layout is told from includes the
// first picture's values; it stays from then on. A layout whose pictures are
// stretched is known after a first run on a letterboxed one.
func (s *Server) look(ctx context.Context, picture detection.Image, input Spec, in detection.Input, asked detectRequest) (detection.Head, []detection.Output, detection.Fit, error) {
	layout := asked.layout
	if told := s.told.Load(); layout == "" && told != nil && told.classes == in.Classes {
		layout = told.layout
	}
	for {
		fitted := picture.Letterbox
		if layout.Stretched() {
			fitted = picture.Stretch
		}
		data, fit := fitted(in.Width, in.Height, asked.options.Convention)
		results, err := s.run(ctx, s.detectorInputs(input, in, data))
		if err != nil {
			return detection.Head{}, nil, fit, err
		}
		outputs := detectorOutputs(results)
		head, err := detection.HeadOf(outputs, in, layout)
		if err != nil {
			return head, nil, fit, notDetector(err.Error())
		}
		if head.Layout.Stretched() != layout.Stretched() {
			layout = head.Layout
			continue
		}
		if asked.layout == "" {
			s.told.Store(&told{classes: in.Classes, layout: head.Layout})
		}
		return head, outputs, fit, nil
	}
}

// told is the layout that a model's first picture told.
type told struct {
	classes int
	layout  detection.Layout
}

// sizesInput is an input by which some DETR exports are told the size that
// their boxes are to be in.
const sizesInput = "orig_target_sizes"

// detector finds the input that takes a picture.
func (s *Server) detector() (Spec, error) {
	if s.metaErr != nil {
		return Spec{}, notDetector(s.metaErr.Error())
	}
	rest := slices.DeleteFunc(slices.Clone(s.Info.Inputs), func(i Spec) bool {
		return i.Name == sizesInput && i.Type == Int64 && len(i.Dims) == 2
	})
	if len(rest) != 1 {
		return Spec{}, notDetector("it has the inputs " + names(s.Info.Inputs) + ", a detector has one")
	}
	input := rest[0]
	fits := input.Type == FP32 && len(input.Dims) == 4
	for i, size := range []int64{1, 3} {
		fits = fits && (input.Dims[i].Size == size || input.Dims[i].Size < 0)
	}
	if !fits {
		return input, notDetector("its input is " + string(input.Type) + " " + input.words() + ", a detector's FP32 [1,3,height,width]")
	}
	if !slices.ContainsFunc(s.Info.Outputs, Spec.mayHoldBoxes) {
		o := s.Info.Outputs[0]
		return input, notDetector("its output is " + string(o.Type) + " " + o.words() + ", a detector's FP32 with two or three dimensions")
	}
	return input, nil
}

// mayHoldBoxes tells whether an output has a shape that some layout has.
func (s Spec) mayHoldBoxes() bool {
	if len(s.Dims) == 2 {
		return slices.Contains([]int64{-1, 4, 6, 7}, s.Dims[1].Size)
	}
	return s.Free || len(s.Dims) == 3
}

// detectorInputs gives a tensor for each input, in order.
func (s *Server) detectorInputs(input Spec, in detection.Input, data []float32) []Tensor {
	tensors := make([]Tensor, len(s.Info.Inputs))
	for i, spec := range s.Info.Inputs {
		if spec.Name == input.Name {
			tensors[i] = Tensor{Name: spec.Name, Type: FP32, Shape: []int64{1, 3, int64(in.Height), int64(in.Width)}, Data: data}
			continue
		}
		tensors[i] = Tensor{Name: spec.Name, Type: Int64, Shape: []int64{1, 2}, Data: []int64{int64(in.Width), int64(in.Height)}}
	}
	return tensors
}

// detectorOutputs gives the outputs that can hold boxes as detection reads
// them; pictures, such as masks, are left out.
func detectorOutputs(results []Tensor) []detection.Output {
	var outputs []detection.Output
	for _, t := range results {
		o := detection.Output{Name: t.Name, Shape: t.Shape}
		if len(t.Shape) > 3 {
			continue
		}
		switch data := t.Data.(type) {
		case []float32:
			o.Data = data
		case []float64:
			o.Data = narrowed(data)
		case []int64:
			o.Data, o.Integer = narrowed(data), true
		case []int32:
			o.Data, o.Integer = narrowed(data), true
		default:
			continue
		}
		outputs = append(outputs, o)
	}
	return outputs
}

func narrowed[T float64 | int64 | int32](data []T) []float32 {
	out := make([]float32, len(data))
	for i, v := range data {
		out[i] = float32(v)
	}
	return out
}

func notDetector(why string) error {
	why = strings.TrimPrefix(why, "the model is no detector: ")
	return &fault{status: http.StatusBadRequest, code: "NOT_A_DETECTOR", message: "/detect: the model is no detector: " + why}
}

// inputSize is what the model's input says, else what its metadata says, else
// the size that most detectors are trained for.
func (s *Server) inputSize(input Spec) (height, width int) {
	const usual = 640
	pick := func(fixed int64, exported int) int {
		switch {
		case fixed > 0:
			return int(fixed)
		case exported > 0:
			return exported
		}
		return usual
	}
	return pick(input.Dims[2].Size, s.meta.Height), pick(input.Dims[3].Size, s.meta.Width)
}

// detectRequest is what a query asks for.
type detectRequest struct {
	options detection.Options
	layout  detection.Layout // "": told from the model
	classes int              // of the caller's data, where the file names none; 0: unknown
}

func detectOptions(query url.Values) (detectRequest, error) {
	asked := detectRequest{options: detection.DefaultOptions}
	o := &asked.options
	for key, values := range query {
		value := values[0]
		var err error
		switch key {
		case "conf":
			o.Confidence, err = strconv.ParseFloat(value, 64)
		case "iou":
			o.IoU, err = strconv.ParseFloat(value, 64)
		case "max_det":
			o.MaxDet, err = strconv.Atoi(value)
		case "classes":
			asked.classes, err = strconv.Atoi(value)
		case "convention":
			o.Convention = detection.Convention(value)
		case "layout":
			asked.layout = detection.Layout(value)
			if !slices.Contains(detection.Layouts, asked.layout) {
				return asked, invalid("layout %q is none of %v", value, detection.Layouts)
			}
		default:
			return asked, invalid("unknown parameter %q: /detect takes conf, iou, max_det, layout, convention and classes", key)
		}
		if err != nil {
			return asked, invalid("%s: %q is no number", key, value)
		}
	}
	return asked, o.Validate()
}

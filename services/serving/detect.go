package serving

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/slipway-ml/slipway/services/detection"
)

// detect answers the boxes of a picture, in pixels of the upright original.
func (s *Server) detect(w http.ResponseWriter, r *http.Request) error {
	options, layout, err := detectOptions(r.URL.Query())
	if err != nil {
		return err
	}
	input, output, err := s.detector()
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
	height, width := s.inputSize(input)
	if height > detection.MaxPixels/width {
		return notDetector(fmt.Sprintf("its input is %dx%d pixels, at most %d are carried", width, height, detection.MaxPixels))
	}
	data, fit := picture.Letterbox(width, height)
	tensor := Tensor{Name: input.Name, Type: FP32, Shape: []int64{1, 3, int64(height), int64(width)}, Data: data}
	outputs, err := s.run(r.Context(), []Tensor{tensor})
	if err != nil {
		return err
	}
	out := outputs[output]
	if layout == "" {
		layout, err = detection.LayoutOf(out.Shape, s.meta, height, width)
	} else {
		err = layout.Check(out.Shape)
	}
	if err != nil {
		return notDetector(err.Error())
	}
	boxes := detection.Boxes(layout, out.Data.([]float32), out.Shape, s.meta, fit, options)
	reply(w, http.StatusOK, detectAnswer{Width: fit.Width, Height: fit.Height, Layout: layout, Boxes: boxes})
	return nil
}

type detectAnswer struct {
	Width  int              `json:"width"`
	Height int              `json:"height"`
	Layout detection.Layout `json:"layout"`
	Boxes  []detection.Box  `json:"boxes"`
}

// detector finds the input that takes a picture and the output with the boxes.
func (s *Server) detector() (input Spec, output int, err error) {
	if s.metaErr != nil {
		return input, 0, notDetector(s.metaErr.Error())
	}
	if len(s.Info.Inputs) != 1 {
		return input, 0, notDetector("it has the inputs " + names(s.Info.Inputs) + ", a detector has one")
	}
	input = s.Info.Inputs[0]
	fits := input.Type == FP32 && len(input.Dims) == 4
	for i, size := range []int64{1, 3} {
		fits = fits && (input.Dims[i].Size == size || input.Dims[i].Size < 0)
	}
	if !fits {
		return input, 0, notDetector("its input is " + string(input.Type) + " " + input.words() + ", a detector's FP32 [1,3,height,width]")
	}
	output = slices.IndexFunc(s.Info.Outputs, func(o Spec) bool { return o.Type == FP32 && (o.Free || len(o.Dims) == 3) })
	if output < 0 {
		o := s.Info.Outputs[0]
		return input, 0, notDetector("its output is " + string(o.Type) + " " + o.words() + ", a detector's FP32 with three dimensions")
	}
	return input, output, nil
}

func notDetector(why string) error {
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

func detectOptions(query url.Values) (detection.Options, detection.Layout, error) {
	o := detection.DefaultOptions
	var layout detection.Layout
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
		case "layout":
			layout = detection.Layout(value)
			if !slices.Contains(detection.Layouts, layout) {
				return o, "", invalid("layout %q is none of %v", value, detection.Layouts)
			}
		default:
			return o, "", invalid("unknown parameter %q: /detect takes conf, iou, max_det and layout", key)
		}
		if err != nil {
			return o, "", invalid("%s: %q is no number", key, value)
		}
	}
	return o, layout, o.Validate()
}

package detection

import "math"

// pad is the grey around a letterboxed picture.
const pad = 114

// Fit tells where a picture stands in a model's input.
type Fit struct {
	RatioX, RatioY float64 // pixels of the input for one of the picture
	Left, Top      int
	Width, Height  int  // of the picture
	Loose          bool // boxes are not clipped to the picture
}

// Letterbox scales a picture into the middle of width x height, pads it with
// grey and gives it as planes of R, G and B in 0..1 (a 1x3xHxW tensor).
// Training tools round so: COCO's loops to the nearest, halves to even;
// ultralytics up; left and top always down.
func (im Image) Letterbox(width, height int, c Convention) ([]float32, Fit) {
	fit := Fit{Width: im.Width, Height: im.Height, Loose: c == Ultralytics}
	ratio := min(float64(width)/float64(im.Width), float64(height)/float64(im.Height))
	w, h := math.RoundToEven(float64(im.Width)*ratio), math.RoundToEven(float64(im.Height)*ratio)
	fit.RatioX, fit.RatioY = ratio, ratio
	if c == Ultralytics {
		w, h = min(math.Ceil(float64(im.Width)*ratio), float64(width)), min(math.Ceil(float64(im.Height)*ratio), float64(height))
		fit.RatioX, fit.RatioY = w/float64(im.Width), h/float64(im.Height)
	}
	small := im.resizeAs(c, max(1, int(w)), max(1, int(h)))
	fit.Left, fit.Top = (width-small.Width)/2, (height-small.Height)/2
	return small.planes(width, height, fit.Left, fit.Top), fit
}

// Stretch scales a picture to width x height without keeping its proportions,
// as DETR-like detectors are trained.
func (im Image) Stretch(width, height int, c Convention) ([]float32, Fit) {
	return im.resizeAs(c, width, height).planes(width, height, 0, 0), Fit{
		RatioX: float64(width) / float64(im.Width), RatioY: float64(height) / float64(im.Height),
		Width: im.Width, Height: im.Height, Loose: c == Ultralytics,
	}
}

func (im Image) resizeAs(c Convention, width, height int) Image {
	if c == Ultralytics {
		return im.resizeLinear(width, height)
	}
	return im.resize(width, height)
}

// planes puts the picture on grey and takes its channels apart.
func (im Image) planes(width, height, left, top int) []float32 {
	area := width * height
	tensor := make([]float32, 3*area)
	if im.Width < width || im.Height < height {
		for i := range tensor {
			tensor[i] = unit[pad]
		}
	}
	for y := range im.Height {
		at := (y+top)*width + left
		red, green, blue := tensor[at:][:im.Width], tensor[area+at:][:im.Width], tensor[2*area+at:][:im.Width]
		row := im.Pix[3*y*im.Width:][:3*im.Width]
		for x := range red {
			red[x], green[x], blue[x] = unit[row[3*x]], unit[row[3*x+1]], unit[row[3*x+2]]
		}
	}
	return tensor
}

// Back maps a rectangle of the model's input to the picture.
func (f Fit) Back(r Rect) Rect {
	left, top := float64(f.Left), float64(f.Top)
	r = Rect{(r[0] - left) / f.RatioX, (r[1] - top) / f.RatioY, (r[2] - left) / f.RatioX, (r[3] - top) / f.RatioY}
	if f.Loose {
		return r
	}
	return r.clip(float64(f.Width), float64(f.Height))
}

func (r Rect) clip(width, height float64) Rect {
	return Rect{clip(r[0], width), clip(r[1], height), clip(r[2], width), clip(r[3], height)}
}

func clip(v, top float64) float64 { return min(max(v, 0), top) }

// unit is v/255 for each byte.
var unit = func() (all [256]float32) {
	for v := range all {
		all[v] = float32(v) / 255
	}
	return all
}()

package detection

import "math"

// pad is the grey around a letterboxed picture.
const pad = 114

// Fit tells where a picture stands in a letterbox.
type Fit struct {
	Ratio     float64
	Left, Top int
	Width     int // of the picture
	Height    int
}

// Letterbox scales a picture into the middle of width x height, pads it with
// grey and gives it as planes of R, G and B in 0..1 (a 1x3xHxW tensor).
// Training tools round so: the size to even halves, left and top down.
func (im Image) Letterbox(width, height int) ([]float32, Fit) {
	ratio := min(float64(width)/float64(im.Width), float64(height)/float64(im.Height))
	w := max(1, int(math.RoundToEven(float64(im.Width)*ratio)))
	h := max(1, int(math.RoundToEven(float64(im.Height)*ratio)))
	fit := Fit{Ratio: ratio, Left: (width - w) / 2, Top: (height - h) / 2, Width: im.Width, Height: im.Height}

	small, area := im.resize(w, h), width*height
	tensor := make([]float32, 3*area)
	for i := range tensor {
		tensor[i] = unit[pad]
	}
	for y := range h {
		at := (y+fit.Top)*width + fit.Left
		red, green, blue := tensor[at:at+w], tensor[area+at:][:w], tensor[2*area+at:][:w]
		for x, row := 0, small.Pix[3*y*w:]; x < w; x++ {
			red[x], green[x], blue[x] = unit[row[3*x]], unit[row[3*x+1]], unit[row[3*x+2]]
		}
	}
	return tensor, fit
}

// Back maps a rectangle of the letterbox to the picture, clipped to it.
func (f Fit) Back(r Rect) Rect {
	w, h, left, top := float64(f.Width), float64(f.Height), float64(f.Left), float64(f.Top)
	return Rect{
		clip((r[0]-left)/f.Ratio, w), clip((r[1]-top)/f.Ratio, h),
		clip((r[2]-left)/f.Ratio, w), clip((r[3]-top)/f.Ratio, h),
	}
}

func clip(v, top float64) float64 { return min(max(v, 0), top) }

// unit is v/255 for each byte.
var unit = func() (all [256]float32) {
	for v := range all {
		all[v] = float32(v) / 255
	}
	return all
}()

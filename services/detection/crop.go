package detection

import "math"

// Crop scales a picture so that its shorter side fills width x height, cuts the
// middle out and gives it as planes of R, G and B in 0..1 (a 1x3xHxW tensor), as
// torchvision's Resize and CenterCrop do with PIL.
func (im Image) Crop(width, height int) []float32 {
	ratio := max(float64(width)/float64(im.Width), float64(height)/float64(im.Height))
	w, h := max(width, int(float64(im.Width)*ratio)), max(height, int(float64(im.Height)*ratio))
	im = im.resize(w, h)
	left, top := int(math.RoundToEven(float64(w-width)/2)), int(math.RoundToEven(float64(h-height)/2))
	out := newImage(width, height)
	for y := range height {
		copy(out.Pix[3*y*width:][:3*width], im.Pix[3*((y+top)*im.Width+left):])
	}
	return out.planes(width, height, 0, 0)
}

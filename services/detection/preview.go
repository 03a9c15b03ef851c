package detection

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
)

// Preview makes a JPEG whose longer side is at most side pixels.
func (im Image) Preview(side int) ([]byte, error) {
	if longest := max(im.Width, im.Height); longest > side {
		ratio := float64(side) / float64(longest)
		im = im.resize(max(1, int(math.Round(float64(im.Width)*ratio))), max(1, int(math.Round(float64(im.Height)*ratio))))
	}
	picture := image.NewRGBA(image.Rect(0, 0, im.Width, im.Height))
	for i := range im.Width * im.Height {
		p := picture.Pix[4*i:][:4]
		copy(p, im.Pix[3*i:][:3])
		p[3] = 0xff
	}
	var out bytes.Buffer
	const quality = 80
	err := jpeg.Encode(&out, picture, &jpeg.Options{Quality: quality})
	return out.Bytes(), err
}

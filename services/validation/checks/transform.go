package checks

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"

	"golang.org/x/image/bmp"

	"github.com/slipway-ml/slipway/services/detection"
)

// transform changes pictures as a camera, a codec or the weather does.
type transform struct {
	name string
	// picture gives the changed picture; strength is 1 for the usual change.
	picture func(im detection.Image, strength float64, seed uint64) (detection.Image, error)
	// box moves a label along; nil where nothing moves. width and height are
	// the picture's.
	box func(r detection.Rect, width, height, strength float64) detection.Rect
}

// transforms are all there are, in the order of reports.
var transforms = []transform{
	{name: "brightness_up", picture: level(func(v, _, s float64) float64 { return v * (1 + 0.5*s) })},
	{name: "brightness_down", picture: level(func(v, _, s float64) float64 { return v * max(0, 1-0.5*s) })},
	{name: "contrast_up", picture: level(func(v, mean, s float64) float64 { return mean + (v-mean)*(1+0.5*s) })},
	{name: "contrast_down", picture: level(func(v, mean, s float64) float64 { return mean + (v-mean)*max(0, 1-0.5*s) })},
	{name: "blur", picture: blur},
	{name: "noise", picture: grain},
	{name: "jpeg", picture: recompress},
	{name: "shift", picture: shift, box: shiftBox},
	{name: "flip_horizontal", picture: flipAcross, box: func(r detection.Rect, w, _, _ float64) detection.Rect {
		return detection.Rect{w - r[2], r[1], w - r[0], r[3]}
	}},
	{name: "flip_vertical", picture: flipDown, box: func(r detection.Rect, _, h, _ float64) detection.Rect {
		return detection.Rect{r[0], h - r[3], r[2], h - r[1]}
	}},
}

func sameSize(im detection.Image) detection.Image {
	return detection.Image{Width: im.Width, Height: im.Height, Pix: make([]uint8, len(im.Pix))}
}

func clip(v float64) uint8 { return uint8(min(255, max(0, math.Round(v)))) }

// level changes each value by itself and the picture's mean.
func level(of func(value, mean, strength float64) float64) func(detection.Image, float64, uint64) (detection.Image, error) {
	return func(im detection.Image, strength float64, _ uint64) (detection.Image, error) {
		sum := 0
		for _, v := range im.Pix {
			sum += int(v)
		}
		mean := float64(sum) / float64(max(1, len(im.Pix)))
		var table [256]uint8
		for v := range table {
			table[v] = clip(of(float64(v), mean, strength))
		}
		out := sameSize(im)
		for i, v := range im.Pix {
			out.Pix[i] = table[v]
		}
		return out, nil
	}
}

// blur is Gaussian, with a deviation of a 320th of the longer side.
func blur(im detection.Image, strength float64, _ uint64) (detection.Image, error) {
	sigma := strength * float64(max(im.Width, im.Height)) / 320
	if sigma < 0.1 {
		return im, nil
	}
	radius := int(math.Ceil(3 * sigma))
	kernel, sum := make([]float64, 2*radius+1), 0.0
	for i := range kernel {
		d := float64(i - radius)
		kernel[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += kernel[i]
	}
	for i := range kernel {
		kernel[i] /= sum
	}
	return blurAlong(blurAlong(im, kernel, 1, 0), kernel, 0, 1), nil
}

// blurAlong applies a kernel along one axis; pictures go on as they end.
func blurAlong(im detection.Image, kernel []float64, dx, dy int) detection.Image {
	out, radius := sameSize(im), len(kernel)/2
	for y := range im.Height {
		for x := range im.Width {
			var sum [3]float64
			for k, weight := range kernel {
				sx := min(im.Width-1, max(0, x+dx*(k-radius)))
				sy := min(im.Height-1, max(0, y+dy*(k-radius)))
				p := im.Pix[3*(sy*im.Width+sx):]
				for c := range sum {
					sum[c] += weight * float64(p[c])
				}
			}
			for c, v := range sum {
				out.Pix[3*(y*im.Width+x)+c] = clip(v)
			}
		}
	}
	return out
}

// grain adds Gaussian noise with a deviation of 15 of 255 levels.
func grain(im detection.Image, strength float64, seed uint64) (detection.Image, error) {
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // noise, no secret
	out := sameSize(im)
	for i, v := range im.Pix {
		out.Pix[i] = clip(float64(v) + 15*strength*random.NormFloat64())
	}
	return out, nil
}

// recompress is JPEG of quality 30, less where it is to be stronger.
func recompress(im detection.Image, strength float64, _ uint64) (detection.Image, error) {
	var text bytes.Buffer
	quality := min(100, max(1, int(math.Round(30/max(strength, 0.01)))))
	if err := jpeg.Encode(&text, picture(im), &jpeg.Options{Quality: quality}); err != nil {
		return im, fmt.Errorf("encode a JPEG: %w", err)
	}
	return detection.Decode(text.Bytes())
}

// shiftOf is how far a shift moves, in whole pixels: 4 % of a side.
func shiftOf(side, strength float64) int { return int(math.Round(0.04 * strength * side)) }

// shift moves to the right and down; what comes in is grey, as padding is.
func shift(im detection.Image, strength float64, _ uint64) (detection.Image, error) {
	dx, dy := shiftOf(float64(im.Width), strength), shiftOf(float64(im.Height), strength)
	out := sameSize(im)
	for i := range out.Pix {
		out.Pix[i] = 114
	}
	for y := dy; y < im.Height; y++ {
		if dx < im.Width {
			copy(out.Pix[3*(y*im.Width+dx):3*(y+1)*im.Width], im.Pix[3*(y-dy)*im.Width:])
		}
	}
	return out, nil
}

func shiftBox(r detection.Rect, width, height, strength float64) detection.Rect {
	dx, dy := float64(shiftOf(width, strength)), float64(shiftOf(height, strength))
	return detection.Rect{min(width, r[0]+dx), min(height, r[1]+dy), min(width, r[2]+dx), min(height, r[3]+dy)}
}

func flipAcross(im detection.Image, _ float64, _ uint64) (detection.Image, error) {
	out := sameSize(im)
	for y := range im.Height {
		for x := range im.Width {
			copy(out.Pix[3*(y*im.Width+x):][:3], im.Pix[3*(y*im.Width+im.Width-1-x):])
		}
	}
	return out, nil
}

func flipDown(im detection.Image, _ float64, _ uint64) (detection.Image, error) {
	out := sameSize(im)
	for y := range im.Height {
		copy(out.Pix[3*y*im.Width:][:3*im.Width], im.Pix[3*(im.Height-1-y)*im.Width:])
	}
	return out, nil
}

// picture is the standard library's form of an image.
func picture(im detection.Image) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, im.Width, im.Height))
	for i := range im.Width * im.Height {
		to, from := out.Pix[4*i:4*i+4:4*i+4], im.Pix[3*i:3*i+3:3*i+3]
		to[0], to[1], to[2], to[3] = from[0], from[1], from[2], 255
	}
	return out
}

// encode writes a picture without loss.
func encode(im detection.Image) ([]byte, error) {
	var text bytes.Buffer
	if err := bmp.Encode(&text, picture(im)); err != nil {
		return nil, fmt.Errorf("encode a picture: %w", err)
	}
	return text.Bytes(), nil
}

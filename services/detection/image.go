package detection

import (
	"bytes"
	"image"
	"image/color"
	_ "image/jpeg" // formats that Decode reads
	_ "image/png"
	"math"

	_ "golang.org/x/image/bmp" // and these
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"

	"github.com/slipway-ml/slipway/models"
)

// MaxPixels bounds a picture: a small file can unpack to gigabytes.
const MaxPixels = 1 << 26

// Image is a picture in 8-bit RGB, row by row, without padding.
type Image struct {
	Width, Height int
	Pix           []uint8
}

// Decode reads a JPEG, PNG, WebP, BMP or TIFF, turns it upright by its EXIF
// orientation and makes it RGB; transparency is dropped. Anything else, and a
// file that is cut off, is an error of kind invalid.
func Decode(data []byte) (Image, error) {
	header, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return Image{}, models.Errorf(models.KindInvalid, "not a picture we can read (JPEG, PNG, WebP, BMP or TIFF): %v", err)
	}
	if header.Width <= 0 || header.Height <= 0 || header.Width > MaxPixels/header.Height {
		return Image{}, models.Errorf(models.KindInvalid, "a picture of %dx%d: at most %d pixels", header.Width, header.Height, MaxPixels)
	}
	source, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return Image{}, models.Errorf(models.KindInvalid, "the %s picture does not decode: %v", format, err)
	}
	if format == "webp" {
		widenRange(source)
	}
	return rgb(source).upright(orientation(data)), nil
}

// widenRange stretches a lossy WebP's video levels (16 to 235) to the full range
// that image.YCbCr stands for; x/image/webp hands them out as they are.
func widenRange(source image.Image) {
	s, ok := source.(*image.YCbCr)
	if alpha, is := source.(*image.NYCbCrA); is {
		s, ok = &alpha.YCbCr, true
	}
	if !ok {
		return
	}
	for i, v := range s.Y {
		s.Y[i] = clip8(((int32(v)-16)*255 + 219/2) / 219)
	}
	for _, plane := range [][]uint8{s.Cb, s.Cr} {
		for i, v := range plane {
			plane[i] = clip8(128 + int32(math.Round(float64(int32(v)-128)*255/224)))
		}
	}
}

func rgb(source image.Image) Image {
	bounds := source.Bounds()
	im := newImage(bounds.Dx(), bounds.Dy())
	if s, ok := source.(*image.RGBA); ok && s.Opaque() { // as PNG and BMP of three channels come
		source = &image.NRGBA{Pix: s.Pix, Stride: s.Stride, Rect: s.Rect}
	}
	switch s := source.(type) {
	case *image.YCbCr:
		im.fromYCbCr(s)
	case *image.NYCbCrA:
		im.fromYCbCr(&s.YCbCr)
	case *image.Gray:
		im.each(func(x, y int, p []uint8) {
			v := s.Pix[y*s.Stride+x]
			p[0], p[1], p[2] = v, v, v
		})
	case *image.NRGBA:
		im.each(func(x, y int, p []uint8) { copy(p, s.Pix[y*s.Stride+4*x:][:3]) })
	case *image.Paletted:
		palette := make([]color.NRGBA, 256)
		for i, c := range s.Palette {
			palette[i] = color.NRGBAModel.Convert(c).(color.NRGBA)
		}
		im.each(func(x, y int, p []uint8) {
			c := palette[s.Pix[y*s.Stride+x]]
			p[0], p[1], p[2] = c.R, c.G, c.B
		})
	default:
		im.each(func(x, y int, p []uint8) {
			c := color.NRGBAModel.Convert(source.At(bounds.Min.X+x, bounds.Min.Y+y)).(color.NRGBA)
			p[0], p[1], p[2] = c.R, c.G, c.B
		})
	}
	return im
}

func newImage(width, height int) Image {
	return Image{Width: width, Height: height, Pix: make([]uint8, 3*width*height)}
}

func (im Image) each(set func(x, y int, p []uint8)) {
	for y := range im.Height {
		row := im.Pix[3*y*im.Width:]
		for x := range im.Width {
			set(x, y, row[3*x:3*x+3:3*x+3])
		}
	}
}

// upright undoes an EXIF orientation, 1 to 8. From 5 on the picture is stored
// transposed as well.
func (im Image) upright(orientation int) Image {
	if orientation < 2 || orientation > 8 {
		return im
	}
	out := newImage(im.Width, im.Height)
	if orientation > 4 {
		out.Width, out.Height = im.Height, im.Width
	}
	out.each(func(x, y int, p []uint8) {
		if orientation > 4 {
			x, y = y, x
		}
		switch orientation {
		case 2, 8:
			x = im.Width - 1 - x
		case 4, 6:
			y = im.Height - 1 - y
		case 3, 7:
			x, y = im.Width-1-x, im.Height-1-y
		}
		copy(p, im.Pix[3*(y*im.Width+x):][:3])
	})
	return out
}

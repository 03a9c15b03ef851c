package detection

import "math"

// resizeLinear is OpenCV's bilinear on 8 bit, to the last bit: two taps whatever
// the reduction, weights of 11 bits, the sums cut as its vector code cuts them.
// Halving both ways is the mean of four, to which OpenCV turns there.
// (opencv/opencv, modules/imgproc/src/resize.cpp.)
func (im Image) resizeLinear(width, height int) Image {
	switch {
	case im.Width == width && im.Height == height:
		return im
	case im.Width == 2*width && im.Height == 2*height:
		return im.halve()
	}
	out := newImage(width, height)
	across := linearTaps(im.Width, width)
	for i := range across { // beyond the edge there is one tap
		if t := &across[i]; t.first < 0 || t.first >= im.Width-1 {
			t.first, t.w0, t.w1 = min(max(t.first, 0), im.Width-1), linearOne, 0
		}
	}
	var above, below linearRow
	for y, tap := range linearTaps(im.Height, height) { // and there the same row twice
		first, second := min(max(tap.first, 0), im.Height-1), min(tap.first+1, im.Height-1)
		if first == below.y && below.of != nil { // the window moves down by one
			above, below = below, above
		}
		above.fill(im, across, first)
		below.fill(im, across, second)
		to, w0, w1 := out.Pix[3*y*width:][:3*width], tap.w0, tap.w1
		for i, a := range above.of {
			to[i] = uint8((w0*(a>>4)>>16 + w1*(below.of[i]>>4)>>16 + 2) >> 2)
		}
	}
	return out
}

func (im Image) halve() Image {
	out := newImage(im.Width/2, im.Height/2)
	for y := range out.Height {
		a, b := im.Pix[6*y*im.Width:][:3*im.Width], im.Pix[3*(2*y+1)*im.Width:][:3*im.Width]
		to := out.Pix[3*y*out.Width:][:3*out.Width]
		for x, i := 0, 0; x < len(to); x, i = x+3, i+6 {
			for c := range 3 {
				to[x+c] = uint8((int(a[i+c]) + int(a[i+c+3]) + int(b[i+c]) + int(b[i+c+3]) + 2) >> 2)
			}
		}
	}
	return out
}

// linearTap weighs two neighbours, first and the one after it.
type linearTap struct {
	first  int
	w0, w1 int32
}

const linearOne = 1 << 11

func linearTaps(in, out int) []linearTap {
	scale := 1 / (float64(out) / float64(in))
	taps := make([]linearTap, out)
	for i := range taps {
		at := float32((float64(i)+0.5)*scale - 0.5)
		first := int(math.Floor(float64(at)))
		part := at - float32(first)
		taps[i] = linearTap{
			first: first,
			w0:    int32(math.RoundToEven(float64((1 - part) * linearOne))),
			w1:    int32(math.RoundToEven(float64(part * linearOne))),
		}
	}
	return taps
}

// linearRow is a row of the source, resized across.
type linearRow struct {
	y  int
	of []int32
}

func (r *linearRow) fill(im Image, across []linearTap, y int) {
	if r.of != nil && r.y == y {
		return
	}
	if r.of == nil {
		r.of = make([]int32, 3*len(across))
	}
	r.y = y
	row := im.Pix[3*y*im.Width:][:3*im.Width]
	for x, tap := range across {
		p := row[3*tap.first:]
		q := p
		if len(p) > 3 {
			q = p[3:]
		}
		to := r.of[3*x:][:3]
		to[0] = tap.w0*int32(p[0]) + tap.w1*int32(q[0])
		to[1] = tap.w0*int32(p[1]) + tap.w1*int32(q[1])
		to[2] = tap.w0*int32(p[2]) + tap.w1*int32(q[2])
	}
}

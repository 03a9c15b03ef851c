package detection

import "math"

// resize is PIL's bilinear: a triangle filter whose support grows with the
// reduction, in two passes, each rounded to 8 bit.
func (im Image) resize(width, height int) Image {
	if width != im.Width {
		im = im.resizeRows(width)
	}
	if height != im.Height {
		im = im.resizeColumns(height)
	}
	return im
}

// precision is the number of fraction bits of a weight, as in PIL.
const precision = 32 - 8 - 2

// weights are the taps of one output sample, on the input from first on.
type weights struct {
	first int
	taps  []int32
}

func triangle(in, out int) []weights {
	scale := float64(in) / float64(out)
	support := max(scale, 1)
	inverse := 1 / support
	all := make([]weights, out)
	for i := range all {
		center := (float64(i) + 0.5) * scale
		first := max(int(center-support+0.5), 0)
		taps := make([]float64, min(int(center+support+0.5), in)-first)
		sum := 0.0
		for k := range taps {
			taps[k] = max(0, 1-math.Abs((float64(k+first)-center+0.5)*inverse))
			sum += taps[k]
		}
		fixed := make([]int32, len(taps))
		for k := range taps {
			fixed[k] = int32(0.5 + taps[k]/sum*(1<<precision))
		}
		all[i] = weights{first: first, taps: fixed}
	}
	return all
}

func (im Image) resizeRows(width int) Image {
	out := newImage(width, im.Height)
	filter := triangle(im.Width, width)
	for y := range im.Height {
		in, to := im.Pix[3*y*im.Width:3*(y+1)*im.Width], out.Pix[3*y*width:3*(y+1)*width]
		for x := range filter {
			r, g, b := int32(1<<(precision-1)), int32(1<<(precision-1)), int32(1<<(precision-1))
			p := in[3*filter[x].first:]
			for _, w := range filter[x].taps {
				r += w * int32(p[0])
				g += w * int32(p[1])
				b += w * int32(p[2])
				p = p[3:]
			}
			to[3*x], to[3*x+1], to[3*x+2] = clip8(r>>precision), clip8(g>>precision), clip8(b>>precision)
		}
	}
	return out
}

// resizeColumns adds whole rows up, which the memory likes better than columns.
func (im Image) resizeColumns(height int) Image {
	out := newImage(im.Width, height)
	stride := 3 * im.Width
	sums := make([]int32, stride)
	for y, f := range triangle(im.Height, height) {
		for i := range sums {
			sums[i] = 1 << (precision - 1)
		}
		for k, w := range f.taps {
			row := im.Pix[(f.first+k)*stride:][:stride]
			for i, v := range row {
				sums[i] += w * int32(v)
			}
		}
		to := out.Pix[y*stride:][:stride]
		for i, sum := range sums {
			to[i] = clip8(sum >> precision)
		}
	}
	return out
}

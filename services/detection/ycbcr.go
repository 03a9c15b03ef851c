package detection

import "image"

// fromYCbCr converts as libjpeg does, which the training tools read JPEG with:
// halved chroma is interpolated (its "fancy upsampling"), not repeated.
// Repeating it moves a detector's figures by more than a model's successor
// often gains.
func (im Image) fromYCbCr(s *image.YCbCr) {
	halfX, halfY := false, false
	switch s.SubsampleRatio {
	case image.YCbCrSubsampleRatio444:
	case image.YCbCrSubsampleRatio422:
		halfX = true
	case image.YCbCrSubsampleRatio420:
		halfX, halfY = true, true
	case image.YCbCrSubsampleRatio440:
		halfY = true
	default: // rare ratios: repeated
		im.each(func(x, y int, p []uint8) {
			c := s.COffset(x+s.Rect.Min.X, y+s.Rect.Min.Y)
			setYCbCr(p, s.Y[y*s.YStride+x], s.Cb[c], s.Cr[c])
		})
		return
	}
	cb, cr := make([]uint8, im.Width+1), make([]uint8, im.Width+1)
	sums := make([]int32, (im.Width+1)/2)
	for y := range im.Height {
		upsampleRow(cb, sums, s.Cb, s.CStride, y, im.Height, halfX, halfY)
		upsampleRow(cr, sums, s.Cr, s.CStride, y, im.Height, halfX, halfY)
		luma := s.Y[y*s.YStride:][:im.Width]
		row, blues, reds := im.Pix[3*y*im.Width:][:3*im.Width], cb[:len(luma)], cr[:len(luma)]
		for x, l := range luma {
			p := row[3*x:][:3]
			v, b, r := int32(l)+clampZero, blues[x], reds[x]
			p[0] = clamped[(v+redOf[r])&clampMask]
			p[1] = clamped[(v+(greenOfBlue[b]+greenOfRed[r])>>16)&clampMask]
			p[2] = clamped[(v+blueOf[b])&clampMask]
		}
	}
}

// upsampleRow writes row y of a chroma plane in full size: three parts of the
// nearer sample and one of the farther, down and across, rounded alternately
// as libjpeg rounds.
func upsampleRow(out []uint8, sums []int32, plane []uint8, stride, y, height int, halfX, halfY bool) {
	near, far, bias := y, y, 1
	if halfY {
		near = y / 2
		far = near - 1
		if y%2 == 1 {
			far, bias = near+1, 2
		}
		far = min(max(far, 0), (height+1)/2-1)
	}
	a, b := plane[near*stride:], plane[far*stride:]
	switch {
	case !halfX && !halfY:
		copy(out, a[:len(out)-1])
	case !halfX:
		for x := range len(out) - 1 {
			out[x] = uint8((3*int(a[x]) + int(b[x]) + bias) >> 2)
		}
	default:
		shift, low, high := 2, int32(1), int32(2)
		a, b = a[:len(sums)], b[:len(sums)]
		for x := range sums {
			sums[x] = int32(a[x])
		}
		if halfY {
			shift, low, high = 4, 8, 7
			for x := range sums {
				sums[x] = 3*int32(a[x]) + int32(b[x])
			}
		}
		last, left := len(sums)-1, sums[0]
		for x, sum := range sums {
			right := sums[min(x+1, last)]
			pair := out[2*x:][:2]
			pair[0] = uint8((3*sum + left + low) >> shift)
			pair[1] = uint8((3*sum + right + high) >> shift)
			left = sum
		}
	}
}

// libjpeg's conversion in 16-bit fixed point, looked up.
var redOf, blueOf, greenOfRed, greenOfBlue = func() (red, blue, greenR, greenB [256]int32) {
	const half = 1 << 15
	for i := range int32(256) {
		v := i - 128
		red[i], blue[i] = (91881*v+half)>>16, (116130*v+half)>>16
		greenR[i], greenB[i] = -46802*v, -22554*v+half
	}
	return red, blue, greenR, greenB
}()

// clamped is what a sum is as a byte; sums lie between -256 and 511.
const (
	clampZero = 256
	clampMask = 1<<10 - 1
)

var clamped = func() (all [clampMask + 1]uint8) {
	for i := range all {
		all[i] = clip8(int32(i) - clampZero)
	}
	return all
}()

func setYCbCr(p []uint8, luma, cb, cr uint8) {
	v := int32(luma) + clampZero
	p[0] = clamped[(v+redOf[cr])&clampMask]
	p[1] = clamped[(v+(greenOfBlue[cb]+greenOfRed[cr])>>16)&clampMask]
	p[2] = clamped[(v+blueOf[cb])&clampMask]
}

func clip8(v int32) uint8 { return uint8(min(max(v, 0), 255)) }

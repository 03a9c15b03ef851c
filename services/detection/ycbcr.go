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
	sums := make([]int, (im.Width+1)/2)
	for y := range im.Height {
		upsampleRow(cb, sums, s.Cb, s.CStride, y, im.Height, halfX, halfY)
		upsampleRow(cr, sums, s.Cr, s.CStride, y, im.Height, halfX, halfY)
		row := im.Pix[3*y*im.Width : 3*(y+1)*im.Width]
		for x, luma := range s.Y[y*s.YStride:][:im.Width] {
			setYCbCr(row[3*x:3*x+3:3*x+3], luma, cb[x], cr[x])
		}
	}
}

// upsampleRow writes row y of a chroma plane in full size: three parts of the
// nearer sample and one of the farther, down and across, rounded alternately
// as libjpeg rounds.
func upsampleRow(out []uint8, sums []int, plane []uint8, stride, y, height int, halfX, halfY bool) {
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
		unit, shift := 1, 2
		low, high := 1, 2
		if halfY {
			unit, shift, low, high = 4, 4, 8, 7
		}
		for x := range sums {
			sums[x] = unit * int(a[x])
			if halfY {
				sums[x] = 3*int(a[x]) + int(b[x])
			}
		}
		last := len(sums) - 1
		for x, sum := range sums {
			left, right := sums[max(x-1, 0)], sums[min(x+1, last)]
			out[2*x] = uint8((3*sum + left + low) >> shift)
			out[2*x+1] = uint8((3*sum + right + high) >> shift)
		}
	}
}

// setYCbCr is libjpeg's conversion in 16-bit fixed point.
func setYCbCr(p []uint8, luma, cb, cr uint8) {
	const half = 1 << 15
	y, b, r := int32(luma), int32(cb)-128, int32(cr)-128
	p[0] = clip8(y + (91881*r+half)>>16)
	p[1] = clip8(y + (-22554*b-46802*r+half)>>16)
	p[2] = clip8(y + (116130*b+half)>>16)
}

func clip8(v int32) uint8 { return uint8(min(max(v, 0), 255)) }

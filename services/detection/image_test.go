package detection_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
)

func TestDecodeReadsEveryForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file, like string
		mean       float64 // levels a channel may be off, on average
	}{
		{"plain.png", "plain.png", 0},
		{"420.jpg", "420.png", 0.2}, // as Pillow reads the same file
		{"422.jpg", "422.png", 0.2},
		{"444.jpg", "444.png", 0.2},
		{"progressive.jpg", "plain.png", 4},
		{"cmyk.jpg", "plain.png", 4},
		{"gray.jpg", "gray.png", 3},
		{"gray16.png", "gray.png", 0},
		{"rgba.png", "plain.png", 0},
		{"palette.png", "plain.png", 5},
		{"lossless.webp", "plain.png", 0},
		{"lossy.webp", "plain.png", 4},
		{"plain.bmp", "plain.png", 0},
		{"lzw.tiff", "plain.png", 0},
		{"orientation-1.jpg", "plain.png", 2},
		{"orientation-2.jpg", "plain.png", 2},
		{"orientation-3.jpg", "plain.png", 2},
		{"orientation-4.jpg", "plain.png", 2},
		{"orientation-5.jpg", "plain.png", 2},
		{"orientation-6.jpg", "plain.png", 2},
		{"orientation-7.jpg", "plain.png", 2},
		{"orientation-8.jpg", "plain.png", 2},
		{"orientation-6.png", "plain.png", 0},
		{"orientation-6.webp", "plain.png", 0},
		{"orientation-6.tiff", "plain.png", 0},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			got, want := decode(t, c.file), decode(t, c.like)
			require.Equal(t, []int{want.Width, want.Height}, []int{got.Width, got.Height})
			require.LessOrEqual(t, meanDifference(got.Pix, want.Pix), c.mean)
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	jpeg, err := os.ReadFile("testdata/420.jpg")
	require.NoError(t, err)
	picture, err := os.ReadFile("testdata/plain.png")
	require.NoError(t, err)
	huge := bytes.Clone(picture)
	binary.BigEndian.PutUint32(huge[16:], 1<<20)
	binary.BigEndian.PutUint32(huge[20:], 1<<20)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"nothing":                    {nil, "not a picture"},
		"text":                       {[]byte("hello, this is no picture"), "not a picture"},
		"a JPEG that is cut off":     {jpeg[:len(jpeg)/2], "jpeg picture does not decode"},
		"a PNG that is cut off":      {picture[:len(picture)/2], "png picture does not decode"},
		"a PNG that unpacks to 3 TB": {huge, "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := detection.Decode(c.data)
			require.ErrorContains(t, err, c.says)
			require.True(t, models.IsKind(err, models.KindInvalid))
		})
	}
}

func TestLetterboxIsPillows(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(shapes, "val/images/0000.jpg"))
	require.NoError(t, err)
	im, err := detection.Decode(data)
	require.NoError(t, err)
	tensor, fit := im.Letterbox(160, 160)
	require.Equal(t, detection.Fit{Ratio: 0.5, Left: 0, Top: 20, Width: 320, Height: 240}, fit)
	want := decode(t, "letterboxed.png")
	got := make([]uint8, len(want.Pix))
	for i := range 160 * 160 {
		for c := range 3 {
			got[3*i+c] = uint8(tensor[c*160*160+i]*255 + 0.5)
		}
	}
	require.LessOrEqual(t, meanDifference(got, want.Pix), 0.05)
	require.Equal(t, want.Pix[:3*160*20], got[:3*160*20], "the padding")
}

func TestLetterboxRounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		width, height int
		fit           detection.Fit
	}{
		"half to even": {320, 249, detection.Fit{Ratio: 0.5, Top: 18, Width: 320, Height: 249}}, // 124.5 -> 124
		"left down":    {101, 320, detection.Fit{Ratio: 0.5, Left: 55, Width: 101, Height: 320}},
		"enlarged":     {80, 40, detection.Fit{Ratio: 2, Top: 40, Width: 80, Height: 40}},
		"a thread":     {1000, 1, detection.Fit{Ratio: 0.16, Top: 79, Width: 1000, Height: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := detection.Image{Width: c.width, Height: c.height, Pix: make([]uint8, 3*c.width*c.height)}
			tensor, fit := im.Letterbox(160, 160)
			require.Len(t, tensor, 3*160*160)
			require.Equal(t, c.fit, fit)
		})
	}
}

func decode(t *testing.T, file string) detection.Image {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	im, err := detection.Decode(data)
	require.NoError(t, err)
	return im
}

func meanDifference(a, b []uint8) float64 {
	sum := 0
	for i := range a {
		sum += max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return float64(sum) / float64(len(a))
}

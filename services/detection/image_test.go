package detection_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"math"
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
	tensor, fit := im.Letterbox(160, 160, detection.COCO)
	require.Equal(t, detection.Fit{RatioX: 0.5, RatioY: 0.5, Left: 0, Top: 20, Width: 320, Height: 240}, fit)
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

// TestUltralyticsResizesAsOpenCV: the first bytes of SHA-256 over what
// cv2.resize(INTER_LINEAR) of OpenCV 4 and 5 makes of plain.png.
func TestUltralyticsResizesAsOpenCV(t *testing.T) {
	t.Parallel()
	im := decode(t, "plain.png")
	even := detection.Image{Width: 158, Height: 118}
	for y := range even.Height {
		even.Pix = append(even.Pix, im.Pix[3*y*im.Width:][:3*even.Width]...)
	}
	for _, c := range []struct {
		from          detection.Image
		width, height int
		sum           string
	}{
		{im, 160, 120, "4311295cb92f11e0"},
		{im, 97, 61, "3f41a130312f8044"},
		{im, 318, 238, "a61f4242fda3a657"},
		{im, 80, 60, "318efc7b62b0bae6"},
		{im, 53, 40, "77ab49f106d218b6"},
		{im, 640, 479, "1e2557e2663f3843"},
		{im, 1, 1, "299e2dbe6b246f73"},
		{im, 159, 7, "69c597ad39149d9b"},
		{im, 7, 119, "01deba0aa9771343"},
		{im, 2, 300, "d206c1b92e2689d8"},
		{even, 79, 59, "ada20f7db8f46dd1"}, // halved
	} {
		tensor, _ := c.from.Stretch(c.width, c.height, detection.Ultralytics)
		area := c.width * c.height
		pixels := make([]byte, 3*area)
		for i := range area {
			for channel := range 3 {
				pixels[3*i+channel] = uint8(tensor[channel*area+i]*255 + 0.5)
			}
		}
		sum := sha256.Sum256(pixels)
		require.Equal(t, c.sum, hex.EncodeToString(sum[:8]), "%dx%d", c.width, c.height)
	}
}

func TestLetterboxRounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		width, height int
		fit           detection.Fit
	}{
		"half to even": {320, 249, detection.Fit{RatioX: 0.5, RatioY: 0.5, Top: 18, Width: 320, Height: 249}}, // 124.5 -> 124
		"left down":    {101, 320, detection.Fit{RatioX: 0.5, RatioY: 0.5, Left: 55, Width: 101, Height: 320}},
		"enlarged":     {80, 40, detection.Fit{RatioX: 2, RatioY: 2, Top: 40, Width: 80, Height: 40}},
		"a thread":     {1000, 1, detection.Fit{RatioX: 0.16, RatioY: 0.16, Top: 79, Width: 1000, Height: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := detection.Image{Width: c.width, Height: c.height, Pix: make([]uint8, 3*c.width*c.height)}
			tensor, fit := im.Letterbox(160, 160, detection.COCO)
			require.Len(t, tensor, 3*160*160)
			require.Equal(t, c.fit, fit)
			tensor, fit = im.Letterbox(160, 160, detection.Ultralytics)
			require.Len(t, tensor, 3*160*160)
			require.InDelta(t, math.Ceil(float64(c.width)*c.fit.RatioX), float64(c.width)*fit.RatioX, 1e-9, "ultralytics rounds up")
			require.True(t, fit.Loose)
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

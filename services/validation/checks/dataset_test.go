package checks_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

// blobs is a picture of its own for each seed; brighter lifts it a little.
func blobs(seed uint64, brighter uint8) *image.RGBA {
	random := rand.New(rand.NewPCG(seed, 7))
	im := image.NewRGBA(image.Rect(0, 0, 96, 64))
	for range 12 {
		x, y, c := random.IntN(96), random.IntN(64), color.RGBA{uint8(random.IntN(240)), uint8(random.IntN(240)), uint8(random.IntN(240)), 255}
		for dx := range 30 {
			for dy := range 20 {
				im.Set(x+dx, y+dy, c)
			}
		}
	}
	for i := range im.Pix {
		if i%4 < 3 {
			im.Pix[i] = max(im.Pix[i], im.Pix[i]+brighter)
		}
	}
	return im
}

func asPNG(t *testing.T, im image.Image) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, im))
	return b.String()
}

func asJPEG(t *testing.T, im image.Image) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, im, &jpeg.Options{Quality: 70}))
	return b.String()
}

func TestDatasetOfPictures(t *testing.T) {
	t.Parallel()
	val, train := files{}, files{}
	for seed := range uint64(40) {
		val[fmt.Sprintf("a/%d.png", seed)] = asPNG(t, blobs(seed, 0))
		train[fmt.Sprintf("a/%d.png", seed)] = asPNG(t, blobs(1000+seed, 0))
	}
	for i := range 10 { // flat pictures differ by their colours alone
		val[fmt.Sprintf("b/flat%d.png", i)] = painted(t, color.RGBA{R: uint8(25 * i), A: 255})
	}
	val["b/copy.jpg"] = asJPEG(t, blobs(3, 2))     // nearly a/3.png
	train["a/leak.jpg"] = asJPEG(t, blobs(5, 1))   // nearly a/5.png of val
	train["b/again.png"] = val["b/flat4.png"]      // b/flat4.png of val
	train["b/other.png"] = asPNG(t, blobs(999, 0)) // nothing of val

	w := newWorld(t)
	w.pushAll("val", val)
	w.pushAll("train", train)
	w.apply("    - {check: dataset, dataset: val@1, training: train@1}\n" +
		"    - {check: dataset, name: gate, dataset: val@1, training: train@1, thresholds: {leaked: \"<= 0\"}}\n" +
		"    - {check: dataset, name: alone, dataset: val@1, margin: 0.5}\n")
	v := w.validate(w.register(plain("")))
	require.Equal(t, models.ValidationFailed, v.State, v.Reason)
	require.Contains(t, v.Reason, "leaked is 2, asked for <= 0")
	got := measured(v.Steps[0])
	for name, want := range map[string]float64{
		"samples": 51, "labels": 51, "classes": 2, "smallest_class": 11, "labels[a]": 40, "duplicates": 1, "leaked": 2, "leaked_share": 2.0 / 51,
	} {
		require.InDelta(t, want, got[name], 1e-9, "%s\n%s", name, said(v.Steps[0]))
	}
	require.Contains(t, said(v.Steps[0]), "b/copy.jpg is, or nearly is, a/3.png")
	require.Contains(t, said(v.Steps[0]), "a/5.png is, or nearly is, in the training set: a/leak.jpg")
	require.Contains(t, said(v.Steps[0]), `11 labels of the class "b" tell a share of 0.9 to ±0.1`)
	require.NotContains(t, measured(v.Steps[2]), "leaked")
	require.NotContains(t, said(v.Steps[2]), "at 95 %")
}

func TestDatasetOfATable(t *testing.T) {
	t.Parallel()
	rows := func(from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "%d,%d.5\n", i, i)
		}
		return b.String()
	}
	w := newWorld(t)
	w.pushAll("val", files{"rows.csv": "a,b\n" + rows(0, 100) + rows(0, 3)})
	w.pushAll("train", files{"rows.csv": "b,a\n7.5,7\n8.5,8\n1000,1000\n"})
	w.apply("    - {check: dataset, dataset: val@1, training: train@1}\n")
	v := w.validate(w.register(plain("")))
	require.Equal(t, models.ValidationPassed, v.State, v.Reason)
	got := measured(v.Steps[0])
	for name, want := range map[string]float64{"samples": 103, "duplicates": 3, "leaked": 2} {
		require.InDelta(t, want, got[name], 0, name)
	}
	require.Contains(t, said(v.Steps[0]), "row 101 is, or nearly is, row 1")
	require.Contains(t, said(v.Steps[0]), "row 8 is, or nearly is, in the training set: row 1")
	// 1.96/(1+1.96²/103) · √(0.09/103 + 1.96²/(4·103²))
	require.InDelta(t, 0.05865, got["interval"], 1e-4)
}

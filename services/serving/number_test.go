package serving

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNumbersAreCorrectlyRounded compares with strconv: random ones as Go and
// as Python write them, and those next to the middle between two float32.
func TestNumbersAreCorrectlyRounded(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	texts := []string{
		"0", "-0", "1", "-1.5e3", "1E+2", "1e-7", "0.1", "123456789012345678901234567890", "0.000000000000000000000000001",
		"1.17549435e-38", "1e-45", "7e-46", "1e-400", "3.4028234e38", "9007199254740993", "16777217", "16777219.0000001", "5e-324", "123456789012345678e22", "999999999999999999e21", "-0.5", "255", "-0.0",
	}
	for range 200_000 {
		f := math.Float32frombits(random.Uint32())
		if f != f || f > math.MaxFloat32 || f < -math.MaxFloat32 {
			continue
		}
		middle := (float64(f) + float64(math.Nextafter32(f, 2*f))) / 2
		for _, v := range []float64{float64(f), middle, math.Nextafter(middle, 0), random.Float64(), float64(random.Float32())} {
			if !math.IsInf(v, 0) {
				texts = append(texts, strconv.FormatFloat(v, 'g', -1, 64))
			}
		}
	}
	for _, text := range texts {
		want64, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		if got, err := (&cursor{data: []byte(text)}).float64(""); err != nil || math.Float64bits(got) != math.Float64bits(want64) {
			require.Equal(t, want64, got, text)
		}
		want32, err32 := strconv.ParseFloat(text, 32)
		got, err := (&cursor{data: []byte(text)}).float32("")
		if (err == nil) != (err32 == nil) || err == nil && math.Float32bits(got) != math.Float32bits(float32(want32)) {
			require.Equal(t, want32, got, text)
		}
	}
}

func TestNumberSyntax(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "-", "+1", "01", ".5", "1.", "1e", "1e+", "Infinity", "--1", "e5"} {
		_, err := (&cursor{data: []byte(text)}).float64("")
		require.Error(t, err, text)
	}
}

func FuzzCursor(f *testing.F) {
	for _, text := range []string{`{"inputs": [[1, 2], [3, 4]]}`, `{"a": "x\u00e4", "b": [null, true]}`, `[`, `{"inputs": {"x": [1e5]}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &cursor{data: data}
		_ = c.skip("x")
		require.LessOrEqual(t, c.at, len(data))
		for _, typ := range []Type{FP32, Int64, Bytes, Bool} {
			c = &cursor{data: data}
			tensor, err := readTensor(c, "x", typ, 4)
			require.LessOrEqual(t, c.at, len(data))
			if err != nil {
				continue
			}
			n, err := elements(tensor.Shape)
			require.NoError(t, err)
			require.Equal(t, n, int64(lengthOf(tensor.Data)), fmt.Sprint(tensor.Shape))
			require.NotEmpty(t, appendNested(nil, tensor))
		}
	})
}

func lengthOf(data any) int {
	switch v := data.(type) {
	case []float32:
		return len(v)
	case []int64:
		return len(v)
	case []string:
		return len(v)
	case []bool:
		return len(v)
	}
	return -1
}

func BenchmarkReadPicture(b *testing.B) {
	for name, bits := range map[string]int{"digits of float32": 32, "digits of float64": 64} {
		b.Run(name, func(b *testing.B) {
			body := []byte{'['}
			for i := range 3 * 160 * 160 {
				if i > 0 {
					body = append(body, ", "...)
				}
				body = strconv.AppendFloat(body, float64(float32(i*7919%256)/255), 'g', -1, bits)
			}
			body = append(body, ']')
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := readTensor(&cursor{data: body}, "x", FP32, 3*160*160); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

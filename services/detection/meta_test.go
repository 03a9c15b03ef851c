package detection_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/services/detection"
)

func TestParseMetaReadsNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
		err  string
	}{
		"a Python dict":               {`{0: 'bolt', 1: 'washer'}`, []string{"bolt", "washer"}, ""},
		"a Python dict, quote inside": {`{0: "driver's cab", 1: 'b'}`, []string{"driver's cab", "b"}, ""},
		"Python escapes":              {`{0: 'a\'b"c', 1: '\xe9\\'}`, []string{`a'b"c`, `é\`}, ""},
		"signs of the syntax inside":  {`{0: '{a: b, c}', 1: 'x]'}`, []string{"{a: b, c}", "x]"}, ""},
		"JSON":                        {`{"0": "bolt", "1": "Schl\u00fcssel"}`, []string{"bolt", "Schlüssel"}, ""},
		"a list":                      {`['bolt', "nut",]`, []string{"bolt", "nut"}, ""},
		"in another order":            {`{1: 'b', 0: 'a'}`, []string{"a", "b"}, ""},
		"none":                        {``, nil, ""},
		"a hole":                      {`{0: 'a', 2: 'b'}`, nil, "without holes"},
		"cut off":                     {`{0: 'a', 1: 'b`, nil, "quote is not closed"},
		"cut off after a name":        {`{0: 'a'`, nil, "cut off"},
		"an id that is none":          {`{x: 'a'}`, nil, "no class id"},
		"no mapping":                  {`bolt, nut`, nil, "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := detection.ParseMeta(map[string]string{"names": c.text})
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, m.Names)
		})
	}
}

func TestParseMetaReadsSizes(t *testing.T) {
	t.Parallel()
	m, err := detection.ParseMeta(map[string]string{"imgsz": "[96, 256]", "stride": "32", "end2end": "True"})
	require.NoError(t, err)
	require.Equal(t, detection.Meta{Stride: 32, Height: 96, Width: 256, EndToEnd: true}, m)
	m, err = detection.ParseMeta(map[string]string{"imgsz": "640"})
	require.NoError(t, err)
	require.Equal(t, detection.Meta{Height: 640, Width: 640}, m)
	require.Equal(t, "7", m.ClassName(7))
}

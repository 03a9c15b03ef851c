package checks_test

import (
	"fmt"
	"image/color"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

// people is a table of ages and countries.
func people(seed uint64, older float64, countries ...string) string {
	random := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	b.WriteString("age,country\n")
	for range 3000 {
		fmt.Fprintf(&b, "%.3f,%s\n", 40+older+10*random.NormFloat64(), countries[random.IntN(len(countries))])
	}
	return b.String()
}

func TestDriftOfATable(t *testing.T) {
	t.Parallel()
	then := people(1, 0, "DE", "FR")
	tests := map[string]struct {
		now, fields string
		state       models.ValidationState
		want        string
		drifted     float64
	}{
		"another draw of the same":   {people(2, 0, "DE", "FR"), "", models.ValidationPassed, "", 0},
		"older":                      {people(2, 15, "DE", "FR"), "", models.ValidationPassed, `warning: age: "age" has drifted`, 1},
		"older, which is a gate":     {people(2, 15, "DE", "FR"), `thresholds: {drifted: "<= 0"}`, models.ValidationFailed, "drifted is 1, asked for <= 0", 1},
		"older, and nobody asks":     {people(2, 15, "DE", "FR"), "columns: [country]", models.ValidationPassed, "", 0},
		"a new country":              {people(2, 0, "DE", "FR", "IT"), "", models.ValidationPassed, `"country" has 1 values that the reference has not, such as ["IT"]`, 1},
		"more patience":              {people(2, 15, "DE", "FR"), "psi: 10", models.ValidationPassed, `"age" has moved`, 0},
		"a column less":              {"country\nDE\nFR\n", "", models.ValidationFailed, `"age" is in the reference and not in the data set`, 0},
		"words where numbers were":   {"age,country\nold,DE\nyoung,FR\n", "", models.ValidationFailed, `"age" holds numbers in one of the two`, 0},
		"a column that is not there": {then, "columns: [size]", models.ValidationErrored, `columns: the data set has no column "size"`, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pushAll("then", files{"people.csv": then})
			w.pushAll("now", files{"people.csv": tt.now})
			w.apply("    - check: drift\n      dataset: now@1\n      reference: then@1\n      " + tt.fields + "\n")
			v := w.validate(w.register(plain("")))
			require.Equal(t, tt.state, v.State, v.Reason)
			require.Contains(t, said(v.Steps[0]), tt.want)
			require.InDelta(t, tt.drifted, measured(v.Steps[0])["drifted"], 0)
		})
	}
}

func TestDriftOfPictures(t *testing.T) {
	t.Parallel()
	shades := func(from int) files {
		all := files{}
		for i := range 30 {
			shade := uint8(from + i)
			all[fmt.Sprintf("grey/%d.png", i)] = painted(t, color.RGBA{R: shade, G: shade, B: shade, A: 255})
		}
		return all
	}
	w := newWorld(t)
	w.pushAll("day", shades(200))
	w.pushAll("night", shades(20))
	w.pushAll("rows", files{"people.csv": people(1, 0, "DE")})
	w.apply("    - {check: drift, name: same, dataset: day@1, reference: day@1}\n" +
		"    - {check: drift, name: darker, dataset: night@1, reference: day@1}\n    - {check: drift, name: table, dataset: rows@1, reference: day@1}\n")
	v := w.validate(w.register(plain("")))
	require.Equal(t, models.ValidationErrored, v.State, v.Reason)
	same, darker := measured(v.Steps[0]), measured(v.Steps[1])
	require.Zero(t, same["psi_max"])
	require.InDelta(t, 30, same["samples"], 0)
	require.InDelta(t, 1, darker["ks[brightness]"], 0)
	require.Zero(t, darker["psi[width]"])
	require.InDelta(t, 4, darker["drifted"], 0, "brightness and the three channels")
	require.Contains(t, v.Steps[2].Reason, "a table is compared with a table")
}

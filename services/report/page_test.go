package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slipway-ml/slipway/models"
)

func pageOf(t *testing.T, k kept) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, Service{Source: k, Version: "0.1.0"}.HTML(t.Context(), &out, 12))
	return out.String()
}

func TestThePageNeedsNothingAndRunsNothing(t *testing.T) {
	t.Parallel()
	page := pageOf(t, example(t))
	for _, foreign := range []string{"<script", "alert(1)</", "<i>nut", "http://", "https://", "@import", " onload", "javascript:"} {
		require.NotContains(t, strings.ToLower(page), foreign)
	}
	require.Contains(t, page, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co")
	require.Contains(t, page, "&lt;i&gt;nut&lt;/i&gt;", "the name of a series, which a chart draws")
	require.Contains(t, page, "&lt;/text&gt;&lt;script&gt;", "a label, which a picture shows")
	require.Contains(t, page, "the last line &lt;b&gt;", "the end of the log of what did not pass")
	// Well-formed as XML too, but for what HTML leaves open.
	dec := xml.NewDecoder(strings.NewReader(page))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestThePageShowsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	page := pageOf(t, example(t))
	require.Equal(t, 5, strings.Count(page, `<svg class="chart"`), "each chart that has values")
	require.Equal(t, 2, strings.Count(page, `<svg class="picture"`))
	require.Contains(t, page, "data:image/jpeg;base64,")
	for _, words := range []string{
		"reused from validation 7", "−0.4474", "sha256:" + strings.Repeat("ab", 32), "--repeat 12", "✗ missed", "✓ met",
		"The image is too large for this page, or gone.", `<g class="truth wrong">`, `<g class="said">`, `href="log?step=2"`,
	} {
		require.Contains(t, page, words)
	}
	require.NotContains(t, page, ">-0<")
}

func TestAPageStaysSmall(t *testing.T) {
	t.Parallel()
	k := example(t)
	k.files["worst-1.jpg"] = bytes.Repeat([]byte{1}, maxPicture)
	k.validation.Steps[1].Attachments[1].Size = maxPicture
	var many models.Figures
	for range 40 {
		many.Pictures = append(many.Pictures, models.Picture{Path: "a.jpg", Image: "worst-1.jpg", Width: 10, Height: 10})
	}
	room := int64(maxInlined)
	shown, err := Service{Source: k}.pictures(t.Context(), k.validation.Steps[1], many.Pictures, &room)
	require.NoError(t, err)
	require.Len(t, shown, maxPictures)
	drawn := 0
	for _, s := range shown {
		if s.SVG != "" {
			drawn++
		}
	}
	require.Equal(t, maxInlined/maxPicture, drawn)
}

func TestAWaiverStandsWhereverTheVerdictDoes(t *testing.T) {
	t.Parallel()
	k := example(t)
	k.validation.Steps = k.validation.Steps[:2]
	k.validation.Steps[1].Waiver = &models.Waiver{Reason: "known <gap>", By: "ada", At: noon, ExpiresAt: noon.Add(time.Hour)}
	page := pageOf(t, k)
	require.Contains(t, page, "accepted by waiver")
	require.Contains(t, page, "known &lt;gap&gt;")
	suites := junit(t, k)
	require.Equal(t, 0, suites[1].Failures)
	require.Equal(t, 2, suites[1].Skipped)
	require.Contains(t, suites[1].Cases[0].Skipped.Message, "waived by ada until 2026-11-25T13:00:00Z: known <gap>")
	require.Equal(t, "accepted", sarif(t, k).Runs[0].Results[1].Suppressions[0].Status)

	k.validation.Steps[1].Waiver.ExpiresAt = noon
	page = pageOf(t, k)
	require.NotContains(t, page, "accepted by waiver")
	require.Contains(t, page, "it has run out")
	require.Equal(t, 2, junit(t, k)[1].Failures)
	require.Empty(t, sarif(t, k).Runs[0].Results[1].Suppressions)
}

func TestOddFiguresAreDrawnOrLeftOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]models.Chart{
		"no points":               {Kind: models.ChartLines, Series: []models.Series{{}}},
		"an unknown kind":         {Kind: "pie", Series: []models.Series{{Y: []float64{1}}}},
		"a matrix beyond sight":   {Kind: models.ChartMatrix, Cells: make([][]float64, maxCells+1)},
		"labels, and no value":    {Kind: models.ChartBars, Labels: []string{"a"}},
		"a histogram of no count": {Kind: models.ChartBars, Series: []models.Series{{X: []float64{1, 2}}}},
	} {
		require.Empty(t, draw(c).SVG, name)
		require.Contains(t, draw(c).About, "nothing to draw", name)
	}
	for name, c := range map[string]models.Chart{
		"one point":             {Kind: models.ChartLines, Series: []models.Series{{Y: []float64{3}}}},
		"all the same":          {Kind: models.ChartLines, Series: []models.Series{{X: []float64{1, 1}, Y: []float64{0, 0}}}},
		"more labels than bars": {Kind: models.ChartBars, Labels: []string{"a", "b", "c"}, Series: []models.Series{{Y: []float64{-1}}}},
		"ragged rows":           {Kind: models.ChartMatrix, Cells: [][]float64{{1, 2, 3}, {4}}},
		"huge and tiny":         {Kind: models.ChartLines, Series: []models.Series{{Y: []float64{1e-12, 1e12}}}},
		"many series":           {Kind: models.ChartLines, Series: make([]models.Series, 100)},
	} {
		if name == "many series" {
			c.Series[0].Y = []float64{1, 2}
		}
		svg := string(draw(c).SVG)
		require.NotEmpty(t, svg, name)
		require.NotContains(t, svg, "NaN", name)
		require.NotContains(t, svg, "Inf", name)
	}
}

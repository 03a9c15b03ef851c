package report

import (
	"context"
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"slices"

	"github.com/slipway-ml/slipway/models"
)

// maxPictures bounds those of one step, maxBoxes those drawn on one.
const (
	maxPictures = 24
	maxBoxes    = 200
)

// Shown is a picture as the page has it.
type Shown struct {
	Path, Title string
	SVG         template.HTML // "" where it is left out, for its size
	Truth, Said int           // boxes
}

// inlined are the kinds of image that every browser shows.
var inlined = []string{"image/jpeg", "image/png", "image/webp"}

// pictures draws a step's pictures while there is room on the page.
func (s Service) pictures(ctx context.Context, step models.StepResult, list []models.Picture, room *int64) ([]Shown, error) {
	var all []Shown
	for _, p := range list[:min(len(list), maxPictures)] {
		shown := Shown{Path: p.Path, Title: p.Title}
		for _, b := range p.Boxes {
			if b.Predicted {
				shown.Said++
			} else {
				shown.Truth++
			}
		}
		text, a, err := s.attachment(ctx, step, p.Image, min(maxPicture, *room))
		if err != nil {
			return nil, err
		}
		if text != nil && slices.Contains(inlined, a.MediaType) {
			*room -= int64(len(text))
			shown.SVG = boxed(p, "data:"+a.MediaType+";base64,"+base64.StdEncoding.EncodeToString(text))
		}
		all = append(all, shown)
	}
	return all, nil
}

// boxed draws what is true and what the model says over an image.
func boxed(p models.Picture, source string) template.HTML {
	w, h := float64(max(1, p.Width)), float64(max(1, p.Height))
	size := max(w, h) / 28 // of letters
	pen := &pen{}
	pen.add(`<image href="%s" width="%.0f" height="%.0f"/>`, source, w, h)
	for _, b := range p.Boxes[:min(len(p.Boxes), maxBoxes)] {
		class, words := "truth", b.Label
		if b.Predicted {
			class, words = "said", fmt.Sprintf("%s %.2f", b.Label, b.Score)
		}
		if !b.Right {
			class += " wrong"
		}
		left, top := clamp(b.Box[0], w), clamp(b.Box[1], h)
		right, low := clamp(b.Box[2], w), clamp(b.Box[3], h)
		pen.add(`<g class="%s"><title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
			class, html.EscapeString(words), left, top, max(0, right-left), max(0, low-top))
		at := top - size*0.25
		if b.Predicted || at < size { // one above, the other below the edge
			at = top + size
		}
		pen.add(`<text x="%.1f" y="%.1f" font-size="%.1f" stroke-width="%.1f">%s</text></g>`,
			left+size*0.15, at, size, size/5, html.EscapeString(short(words, 24)))
	}
	//nolint:gosec // every text in it went through html.EscapeString, and source is base64
	return template.HTML(fmt.Sprintf(`<svg class="picture" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">%s</svg>`,
		w, h, html.EscapeString(p.Path), pen.String()))
}

func clamp(v, most float64) float64 { return max(0, min(v, most)) }

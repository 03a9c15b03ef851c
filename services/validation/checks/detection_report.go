package checks

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// EvidenceName is the attachment that holds a detection's evidence.
const EvidenceName = "detection.evidence"

// The bounds of what a report draws.
const (
	worstImages  = 12
	previewSide  = 640
	chartClasses = 10
)

// charts draws precision over recall, F1, precision and recall over confidence,
// and the confusion matrix: the mean, and of many classes the weakest.
func charts(e *detection.Evidence, ranked *detection.Ranked, scores detection.Scores) []models.Chart {
	var classes []detection.ClassScores
	for _, c := range scores.Classes {
		if c.Labels > 0 {
			classes = append(classes, c)
		}
	}
	if len(classes) == 0 {
		return nil
	}
	about := "each class and the mean"
	if len(classes) > chartClasses {
		about = fmt.Sprintf("the mean, and the %d weakest of %d classes", chartClasses, len(classes))
	}
	slices.SortStableFunc(classes, func(a, b detection.ClassScores) int { return cmp.Compare(a.AP50, b.AP50) })

	recall := models.Chart{Title: "Precision over recall", About: "IoU 0.50, " + about, Kind: models.ChartLines, X: "recall", Y: "precision"}
	f1 := models.Chart{Title: "F1 over confidence", About: "IoU 0.50, " + about, Kind: models.ChartLines, X: "confidence", Y: "F1"}
	both := models.Chart{Title: "Precision and recall over confidence", About: "IoU 0.50, means of the classes", Kind: models.ChartLines, X: "confidence"}
	mean := models.Series{Name: "mean"}
	meanF1, meanPrecision, meanRecall := models.Series{Name: "mean"}, models.Series{Name: "precision"}, models.Series{Name: "recall"}
	for i, c := range classes {
		lines := [4]models.Series{}
		for n, p := range ranked.PrecisionRecall(nil, c.ClassID) {
			lines[0].X, lines[0].Y = append(lines[0].X, float64(n)/100), append(lines[0].Y, p)
		}
		for _, t := range ranked.ByConfidence(nil, c.ClassID) {
			for k, v := range []float64{t.F1, t.Precision, t.Recall} {
				lines[k+1].X, lines[k+1].Y = append(lines[k+1].X, t.Confidence), append(lines[k+1].Y, v)
			}
		}
		for k, to := range []*models.Series{&mean, &meanF1, &meanPrecision, &meanRecall} {
			addTo(to, lines[k], float64(len(classes)))
		}
		if i < chartClasses {
			lines[0].Name, lines[1].Name = c.Class, c.Class
			recall.Series, f1.Series = append(recall.Series, lines[0]), append(f1.Series, lines[1])
		}
	}
	recall.Series, f1.Series = slices.Insert(recall.Series, 0, mean), slices.Insert(f1.Series, 0, meanF1)
	both.Series = []models.Series{meanPrecision, meanRecall}
	return append([]models.Chart{recall, f1, both}, confusion(e)...)
}

// addTo adds a share of a line to a mean.
func addTo(mean *models.Series, line models.Series, n float64) {
	if mean.Y == nil {
		mean.X, mean.Y = line.X, make([]float64, len(line.Y))
	}
	for i, v := range line.Y {
		mean.Y[i] += v / n
	}
}

// maxMatrix bounds the classes of a matrix that a page can show.
const maxMatrix = 100

func confusion(e *detection.Evidence) []models.Chart {
	if len(e.Classes) > maxMatrix {
		return nil
	}
	chart := models.Chart{
		Title: "Confusion", Kind: models.ChartMatrix, Labels: append(slices.Clone(e.Classes), "background"),
		About: fmt.Sprintf("boxes above confidence %g by the label of any class that they cover with an IoU above %g; the row background holds boxes on nothing, its column labels not found",
			e.Confidence, detection.ConfusionIoU),
	}
	for _, row := range e.Confusion() {
		cells := make([]float64, len(row))
		for i, n := range row {
			cells[i] = float64(n)
		}
		chart.Cells = append(chart.Cells, cells)
	}
	return []models.Chart{chart}
}

// keep attaches the evidence and the worst images.
func (Detection) keep(ctx context.Context, s *validation.Subject, e *detection.Evidence, images []models.LabeledImage, report *models.Report) error {
	var text bytes.Buffer
	if err := e.Encode(&text); err != nil {
		return fmt.Errorf("encode the evidence: %w", err)
	}
	a, err := s.Attach(ctx, EvidenceName, &text)
	if err != nil {
		return err
	}
	report.Attachments = append(report.Attachments, a)
	for i, m := range e.Worst(worstImages) {
		preview, err := previewOf(ctx, s, images[m.Picture].File)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("worst-%02d.jpg", i+1)
		a, err := s.Attach(ctx, name, bytes.NewReader(preview))
		if err != nil {
			return err
		}
		report.Attachments = append(report.Attachments, a)
		report.Figures.Pictures = append(report.Figures.Pictures, drawn(e, m, name))
	}
	return nil
}

func previewOf(ctx context.Context, s *validation.Subject, file models.DatasetFile) ([]byte, error) {
	text, err := readFile(ctx, s, file)
	if err != nil {
		return nil, err
	}
	im, err := detection.Decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Path, err)
	}
	return im.Preview(previewSide)
}

func drawn(e *detection.Evidence, m detection.Mistakes, image string) models.Picture {
	p := e.Pictures[m.Picture]
	picture := models.Picture{
		Path: p.Name, Image: image, Width: p.Width, Height: p.Height,
		Title: fmt.Sprintf("%d missed, %d wrong, %d right at confidence %g", m.Missed, m.Wrong, m.Right, e.Confidence),
	}
	right := make([]bool, len(p.Labels))
	for _, f := range p.Found {
		if f.Score < e.Confidence || f.Class >= len(e.Classes) {
			continue
		}
		if f.Hit() && f.Label >= 0 {
			right[f.Label] = true
		}
		picture.Boxes = append(picture.Boxes, models.PictureBox{Box: f.Box, Label: e.Classes[f.Class], Score: f.Score, Predicted: true, Right: f.Hit()})
	}
	for i, l := range p.Labels {
		if l.ClassID < len(e.Classes) {
			picture.Boxes = append(picture.Boxes, models.PictureBox{Box: l.Box, Label: e.Classes[l.ClassID], Right: right[i]})
		}
	}
	return picture
}

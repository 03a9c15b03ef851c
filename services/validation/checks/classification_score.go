package checks

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/accuracy"
)

// add takes in what the model says of samples.
func (c *classified) add(said predicted, truth func(i int) (string, bool), belongs func(i int, where sliceWhere) bool) error {
	shares, labels, err := c.read(said)
	if err != nil {
		return err
	}
	k := len(c.order)
	for i := range said.rows {
		c.samples++
		name, ok := truth(i)
		t := slices.Index(c.order, name)
		switch {
		case !ok:
			c.missing++
			continue
		case t < 0:
			c.unknown[name]++
			continue
		}
		var own []float64
		guess := -1
		if shares != nil {
			own = shares[i*k : (i+1)*k]
			if slices.ContainsFunc(own, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
				c.nan++
				continue
			}
			guess = slices.Index(own, slices.Max(own))
		}
		if labels != nil {
			if guess = c.class(labels[i]); guess < 0 {
				c.labels++
			}
		}
		c.answers.given.Add(t, guess, own)
		c.answers.kept(c.samples, c.settings.Slices, func(where sliceWhere) bool { return belongs(i, where) })
	}
	return nil
}

// class finds a label of the model's by its name, else by its number.
func (c *classified) class(label string) int {
	if at := slices.Index(c.order, label); at >= 0 {
		return at
	}
	if at, err := strconv.Atoi(label); err == nil && at >= 0 && at < len(c.order) {
		return at
	}
	return -1
}

// conclude writes the figures.
func (c *classified) conclude(report *models.Report) error {
	for _, name := range keys(c.unknown) {
		f := problem(name, "%d samples are %q, which is none of the model's classes %q", c.unknown[name], name, c.order)
		f.Remedy = "name the classes in the order of the model's output under classes"
		report.Findings = append(report.Findings, f)
	}
	if c.missing > 0 {
		report.Findings = append(report.Findings, warning(c.settings.Target, "%d rows have no true class and are left out", c.missing))
	}
	if c.nan > 0 {
		report.Findings = append(report.Findings, problem("model", "%d predictions are NaN or infinite", c.nan))
	}
	if c.labels > 0 {
		report.Findings = append(report.Findings, problem("model", "%d labels of the model's are none of the classes %q", c.labels, c.order))
	}
	if c.answers.given.Len() == 0 {
		if len(report.Findings) > 0 {
			return nil // which say why
		}
		return models.Errorf(models.KindInvalid, "no sample of %s has a true class", c.s.Step.Dataset)
	}
	report.Facts["scores"] = c.scale.words()
	addClasses(c.answers.given, "", report)
	for j, part := range c.settings.Slices {
		some := c.answers.part(j)
		if some.Len() == 0 {
			return models.Errorf(models.KindInvalid, "the slice %q has no sample: mend its where", part.Name)
		}
		addClasses(some, "{"+part.Name+"}", report)
	}
	report.Figures.Charts = classCharts(c.answers.given, c.order)
	return nil
}

// addClasses writes figures. By class they are those of the whole alone.
func addClasses(c *accuracy.Classes, suffix string, report *models.Report) {
	for _, f := range c.Figures() {
		if _, of, _ := strings.Cut(f.Name, "["); of != "" && suffix != "" {
			continue
		}
		if !math.IsNaN(f.Value) {
			report.Measurements = append(report.Measurements, models.Measurement{Name: f.Name + suffix, Value: f.Value})
		}
	}
	report.Measurements = append(report.Measurements, models.Measurement{Name: "samples" + suffix, Value: float64(c.Len())})
	s := c.Scores()
	if !math.IsNaN(s.LogLoss) && math.IsNaN(s.AUC) {
		report.Findings = append(report.Findings, warning("auc"+suffix, "%s cannot be told: a class is never true, or there is one alone", "auc"+suffix))
	}
	for _, f := range s.Classes {
		if f.Support == 0 && suffix == "" {
			report.Findings = append(report.Findings, warning(f.Name, "the data set has no sample of the class %q, so nothing is measured of it", f.Name))
		}
	}
}

// classCharts draws who is taken for whom, and how sure the model may be.
func classCharts(c *accuracy.Classes, order []string) []models.Chart {
	cells, labels := c.Confusion(), slices.Clone(order)
	if slices.ContainsFunc(cells, func(row []float64) bool { return row[len(order)] > 0 }) {
		labels = append(labels, "none")
		cells = append(cells, make([]float64, len(labels)))
	} else {
		for i := range cells {
			cells[i] = cells[i][:len(order)]
		}
	}
	charts := []models.Chart{{
		Title: "Confusion", About: "Rows are the true classes, columns what the model says.", Kind: models.ChartMatrix, Labels: labels, Cells: cells,
	}}
	sure := models.Series{Name: "model"}
	for _, b := range c.Reliability() {
		if b.Count > 0 {
			sure.X, sure.Y = append(sure.X, b.Confidence), append(sure.Y, b.Accuracy)
		}
	}
	if sure.X != nil {
		charts = append(charts, models.Chart{
			Title: "Calibration", About: "Below the diagonal the model is surer than it is right.", Kind: models.ChartLines, X: "confidence", Y: "accuracy",
			Series: []models.Series{sure, {Name: "perfect", X: []float64{0, 1}, Y: []float64{0, 1}}},
		})
	}
	return charts
}

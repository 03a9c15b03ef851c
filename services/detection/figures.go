package detection

import "strings"

// Figure is one named measurement.
type Figure struct {
	Name  string
	Value float64
}

// The names of figures over all classes, and of those of one class, which stand
// before its name in brackets.
var (
	FigureNames = []string{
		"map50", "map50_95", "map75", "map_small", "map_medium", "map_large", "ar",
		"precision", "recall", "f1", "best_confidence", "precision_at", "recall_at", "f1_at",
	}
	ClassFigureNames = []string{"ap50", "ap50_95", "precision", "recall", "f1", "precision_at", "recall_at", "f1_at"}
)

// Figures lists what was measured, by the names that a pipeline uses: first
// over all classes, then by class. What could not be measured is left out.
func (s Scores) Figures() []Figure {
	var all []Figure
	add := func(name string, value float64) {
		if value >= 0 {
			all = append(all, Figure{name, value})
		}
	}
	threshold := func(suffix string, t Threshold) {
		add("precision"+suffix, t.Precision)
		add("recall"+suffix, t.Recall)
		add("f1"+suffix, t.F1)
	}
	add("map50", s.MAP50)
	add("map50_95", s.MAP5095)
	add("map75", s.MAP75)
	add("map_small", s.Sizes[Small])
	add("map_medium", s.Sizes[Medium])
	add("map_large", s.Sizes[Large])
	add("ar", s.AR)
	if s.Labels == 0 {
		return all
	}
	threshold("", s.Best)
	add("best_confidence", s.Best.Confidence)
	threshold("_at", s.At)
	for _, c := range s.Classes {
		if c.Labels == 0 {
			continue
		}
		class := "[" + c.Class + "]"
		add("ap50"+class, c.AP50)
		add("ap50_95"+class, c.AP5095)
		threshold(class, c.Best)
		threshold("_at"+class, c.At)
	}
	return all
}

// PartOf tells the part that computes a figure.
func PartOf(figure string) Parts {
	base, _, _ := strings.Cut(figure, "[")
	switch base {
	case "map50", "ap50":
		return PartAP50
	case "map_small", "map_medium", "map_large":
		return PartSizes
	case "precision", "recall", "f1", "best_confidence":
		return PartBest
	case "precision_at", "recall_at", "f1_at":
		return PartAt
	}
	return PartAP50 | PartAP
}

package detection

// DefaultMaxDets is COCO's bound on detections of one class in one picture.
const DefaultMaxDets = 100

// Parts are the figures that are computed; a resample needs but a few.
type Parts uint

// The parts.
const (
	PartAP50  Parts = 1 << iota // average precision at an overlap of 0.5
	PartAP                      // and at 0.5, 0.55 … 0.95
	PartSizes                   // by size of the labels
	PartBest                    // precision, recall and F1 at the best confidence
	PartAt                      // and at the given one
	AllParts  = PartAP50 | PartAP | PartSizes | PartBest | PartAt
)

// Scores is what a detector achieved on a labelled set. A figure is -1 where
// there is nothing to measure it on, and such classes are left out of means.
type Scores struct {
	MAP50, MAP5095, MAP75 float64
	Sizes                 [areas]float64 // MAP5095 by Area; that of AllAreas is MAP5095
	AR                    float64        // recall at MaxDets, the mean over overlaps and classes
	Best                  Threshold      // the best mean F1
	At                    Threshold      // at the evidence's confidence
	Classes               []ClassScores
	Images, Labels        int // crowds left out
	Detections            int // of known classes
	MaxDets               int
	Capped                int // pictures with a class that had more than MaxDets
}

// Threshold is how a detector does when detections below a confidence are
// dropped, at an overlap of 0.5: means over the classes.
type Threshold struct{ Confidence, Precision, Recall, F1 float64 }

// ClassScores is the part of one class.
type ClassScores struct {
	ClassID            int
	Class              string
	AP50, AP5095       float64
	Best, At           Threshold
	Labels, Detections int
}

// Score measures detections against labels as pycocotools does (101 recall
// points, IoU .50:.05:.95). boxes[i] and labels[i] belong to picture i; equal
// scores keep the order of pictures and boxes. maxDets bounds the detections
// of one class in one picture (0: DefaultMaxDets).
func Score(boxes [][]Box, labels [][]Label, classes []string, maxDets int) Scores {
	e := Evidence{Convention: COCO, Classes: classes, MaxDet: maxDets, Confidence: DefaultOptions.Confidence}
	at := func(i int) (b []Box, l []Label) {
		if i < len(boxes) {
			b = boxes[i]
		}
		if i < len(labels) {
			l = labels[i]
		}
		return b, l
	}
	settings := Settings{Confidence: e.Confidence, MaxDet: maxDets}
	for i := range max(len(boxes), len(labels)) {
		b, l := at(i)
		e.Pictures = append(e.Pictures, settings.Match("", 0, 0, b, l))
	}
	return e.Rank().Scores()
}

// Scores computes every figure over all pictures.
func (r *Ranked) Scores() Scores { return r.Weighted(r.all, AllParts) }

// Weighted computes some figures with a weight for each picture.
func (r *Ranked) Weighted(weights []int32, parts Parts) Scores {
	return new(Scorer).Scores(r, weights, parts)
}

// Scorer scores again and again in the same memory. One goroutine uses it.
type Scorer struct{ scratch scratch }

// Scores computes some figures with a weight for each picture.
func (w *Scorer) Scores(r *Ranked, weights []int32, parts Parts) Scores {
	s := Scores{MaxDets: r.of.MaxDet, Classes: make([]ClassScores, len(r.classes))}
	if s.MaxDets <= 0 {
		s.MaxDets = DefaultMaxDets
	}
	for i, weight := range weights {
		s.Images += int(weight)
		if r.of.Pictures[i].Dropped > 0 {
			s.Capped += int(weight)
		}
	}
	var m means
	w.scratch.summed = nil // over other weights
	for id := range r.classes {
		c := &r.classes[id]
		out := &s.Classes[id]
		*out = ClassScores{ClassID: id, Class: r.of.Classes[id], AP50: -1, AP5095: -1}
		for _, p := range c.labels[AllAreas] {
			out.Labels += int(weights[p])
		}
		for _, p := range c.pictures {
			out.Detections += int(weights[p])
		}
		s.Labels += out.Labels
		s.Detections += out.Detections
		w.precision(r, c, weights, parts, out, &m)
	}
	s.MAP50, s.MAP75, s.MAP5095, s.AR = m.at50.value(), m.at75.value(), m.sizes[AllAreas].value(), m.recall.value()
	for a := range m.sizes {
		s.Sizes[a] = m.sizes[a].value()
	}
	if parts&(PartBest|PartAt) != 0 {
		w.confidences(r, weights, parts, &s)
	}
	return s
}

// means are the sums over classes.
type means struct {
	at50, at75, recall mean
	sizes              [areas]mean
}

type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v float64) {
	if v >= 0 {
		m.sum += v
		m.n++
	}
}

func (m *mean) value() float64 {
	if m.n == 0 {
		return -1
	}
	return m.sum / float64(m.n)
}

// precision computes the average precisions of a class.
func (w *Scorer) precision(r *Ranked, c *ranking, weights []int32, parts Parts, out *ClassScores, m *means) {
	for a := range Area(areas) {
		if a != AllAreas && parts&PartSizes == 0 {
			break
		}
		convention := r.of.Convention
		if a != AllAreas {
			convention = COCO
		}
		var over mean
		for t := range ious {
			if t > at50 && a == AllAreas && parts&PartAP == 0 {
				break
			}
			v := w.scratch.curveOf(c, a, t, weights)
			ap := v.average(convention)
			over.add(ap)
			if a != AllAreas {
				continue
			}
			if t == at50 {
				out.AP50 = ap
				m.at50.add(ap)
			}
			if t == at75 {
				m.at75.add(ap)
			}
			if parts&PartAP != 0 {
				m.recall.add(v.recall())
			}
		}
		if a == AllAreas && parts&PartAP == 0 {
			continue
		}
		m.sizes[a].add(over.value())
		if a == AllAreas {
			out.AP5095 = over.value()
		}
	}
}

// confidences computes precision, recall and F1 by confidence.
func (w *Scorer) confidences(r *Ranked, weights []int32, parts Parts, s *Scores) {
	var curves []*byConfidence
	var ids []int
	for id := range r.classes {
		if s.Classes[id].Labels > 0 {
			ids = append(ids, id)
			if parts&PartBest != 0 {
				curves = append(curves, w.scratch.thresholds(&r.classes[id], weights, r.of.Convention))
			}
		}
	}
	if len(ids) == 0 {
		return
	}
	n := float64(len(ids))
	add := func(sum *Threshold, precision, recall float64) Threshold {
		t := Threshold{sum.Confidence, precision, recall, f1(precision, recall)}
		sum.Precision += precision / n
		sum.Recall += recall / n
		sum.F1 += t.F1 / n
		return t
	}
	if parts&PartBest != 0 {
		best := bestF1(curves)
		s.Best.Confidence = grid[best]
		for i, id := range ids {
			s.Classes[id].Best = add(&s.Best, curves[i].precision[best], curves[i].recall[best])
		}
	}
	s.At.Confidence = r.of.Confidence
	for _, id := range ids {
		precision, recall := r.classes[id].at(r.of.Confidence, weights, float64(s.Classes[id].Labels))
		s.Classes[id].At = add(&s.At, precision, recall)
	}
}

// at counts the detections that score at least a confidence.
func (c *ranking) at(confidence float64, weights []int32, positives float64) (precision, recall float64) {
	k := &c.tracks[AllAreas][at50]
	right, seen, hit := 0.0, 0.0, 0
	for i, p := range k.pictures {
		if k.scores[i] < confidence {
			break
		}
		w := float64(weights[p])
		seen += w
		if hit < len(k.hits) && int(k.hits[hit]) == i {
			right += w
			hit++
		}
	}
	if seen == 0 {
		return 0, 0
	}
	return right / seen, right / positives
}

package detection

import "math/bits"

// ious are the overlaps at which detections are matched: numpy's linspace(0.5,
// 0.95, 10), to the last digit.
var ious = [10]float64{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.8999999999999999, 0.95}

// The places of the overlaps that have figures of their own.
const (
	at50 = 0
	at75 = 5
)

// mask has a bit for each of ious.
type mask uint16

func (m mask) has(t int) bool { return m>>t&1 == 1 }

// Area is a range of sizes of labels, in pixels of the picture, as COCO has
// them.
type Area int

// The areas: a small label covers less than 32x32, a large one 96x96 or more.
const (
	AllAreas Area = iota
	Small
	Medium
	Large
	areas = 4
)

var areaRanges = [areas][2]float64{{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}

// Evidence is what a detector found on a labelled set, matched with the labels:
// everything that a figure, an interval of a difference and a drawing of the
// worst pictures need, and nothing of the pictures themselves.
type Evidence struct {
	Convention Convention
	Classes    []string
	Confidence float64 // of the figures at a given confidence, and of the confusion matrix
	MaxDet     int     // detections kept of a picture
	Pictures   []Picture
}

// Picture is the part of one picture.
type Picture struct {
	Name          string
	Width, Height int
	Labels        []Label
	Found         []Found // best first
	Dropped       int     // detections beyond MaxDet
}

// Found is one detection.
type Found struct {
	Class int
	Score float64
	Box   Rect // the zero one where the score is below Evidence.Confidence
	match [areas]outcome
	Label int // the place in Labels of the label, of any class, that it stands for in the confusion matrix; -1: none
}

// outcome is what a detection is at each overlap: a hit, or put aside, neither
// right nor wrong; else it is wrong.
type outcome struct{ hit, aside mask }

// Hit tells whether a detection is right at an overlap of 0.5.
func (f Found) Hit() bool { return f.match[AllAreas].hit.has(at50) }

// BestIoU is the highest of the overlaps 0.5, 0.55 … 0.95 at which a detection
// is right; 0 where it is at none.
func (f Found) BestIoU() float64 {
	if n := bits.Len16(uint16(f.match[AllAreas].hit)); n > 0 {
		return ious[n-1]
	}
	return 0
}

// Settings say how pictures are matched.
type Settings struct {
	Convention Convention
	Confidence float64 // 0: DefaultOptions'
	MaxDet     int     // of a class in a picture; 0: DefaultMaxDets
}

// Match holds a picture's detections against its labels.
func (s Settings) Match(name string, width, height int, boxes []Box, labels []Label) Picture {
	if s.MaxDet <= 0 {
		s.MaxDet = DefaultMaxDets
	}
	m := newMatcher(boxes, labels, s.MaxDet)
	p := Picture{Name: name, Width: width, Height: height, Labels: labels, Dropped: len(boxes) - len(m.order)}
	p.Found = make([]Found, len(m.order))
	for i, b := range m.order {
		p.Found[i] = Found{Class: b.ClassID, Score: b.Score, Box: b.Box, Label: -1}
	}
	m.coco(p.Found)
	if s.Convention == Ultralytics {
		m.ultralytics(p.Found)
	}
	m.confuse(p.Found, s.Confidence)
	for i := range p.Found {
		if p.Found[i].Score < s.Confidence {
			p.Found[i].Box = Rect{}
		}
	}
	return p
}

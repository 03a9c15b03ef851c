package detection

import (
	"cmp"
	"slices"
)

// Ranked is evidence made ready to be scored, over all pictures or with a
// weight for each: a slice weighs its pictures 1 and the others 0, a resample
// weighs each by how often it was drawn.
type Ranked struct {
	of      *Evidence
	classes []ranking
	all     []int32 // a weight of 1 for each picture
}

// ranking is one class over all pictures: its detections, best first.
type ranking struct {
	pictures []int32 // of each detection
	scores   []float64
	labels   [areas][]int32 // the picture of each label that counts
	tracks   [areas][len(ious)]track
}

// track is what counts of a ranking at one overlap and in one area.
type track struct {
	pictures []int32 // of detections that are not put aside
	hits     []int32 // places in pictures
	scores   []float64
}

// Rank sorts the detections of each class over all pictures; equal scores keep
// the order of pictures.
func (e *Evidence) Rank() *Ranked {
	r := &Ranked{of: e, classes: make([]ranking, len(e.Classes)), all: make([]int32, len(e.Pictures))}
	type place struct {
		score        float64
		picture, nth int32
	}
	places := make([][]place, len(e.Classes))
	for i, p := range e.Pictures {
		r.all[i] = 1
		for n, f := range p.Found {
			if f.Class >= 0 && f.Class < len(places) {
				places[f.Class] = append(places[f.Class], place{f.Score, int32(i), int32(n)})
			}
		}
		for _, l := range p.Labels {
			if l.Crowd || l.ClassID < 0 || l.ClassID >= len(r.classes) {
				continue
			}
			size := l.Box.Area()
			for a, limits := range areaRanges {
				if size >= limits[0] && size <= limits[1] {
					c := &r.classes[l.ClassID]
					c.labels[a] = append(c.labels[a], int32(i))
				}
			}
		}
	}
	for class, list := range places {
		slices.SortFunc(list, func(a, b place) int {
			return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.picture, b.picture), cmp.Compare(a.nth, b.nth))
		})
		c := &r.classes[class]
		c.pictures, c.scores = make([]int32, len(list)), make([]float64, len(list))
		matches := make([]*[areas]outcome, len(list))
		for i, p := range list {
			c.pictures[i], c.scores[i] = p.picture, p.score
			matches[i] = &e.Pictures[p.picture].Found[p.nth].match
		}
		for a := range c.tracks {
			if len(c.labels[a]) == 0 && Area(a) != AllAreas {
				continue // nothing is measured on it
			}
			for t := range c.tracks[a] {
				c.tracks[a][t] = c.track(matches, a, t)
			}
		}
	}
	return r
}

func (c *ranking) track(matches []*[areas]outcome, area, t int) track {
	aside := 0
	for _, m := range matches {
		if m[area].aside.has(t) {
			aside++
		}
	}
	k := track{pictures: c.pictures, scores: c.scores}
	if aside > 0 {
		k.pictures, k.scores = make([]int32, 0, len(matches)-aside), make([]float64, 0, len(matches)-aside)
	}
	n := int32(0)
	for i, m := range matches {
		if m[area].aside.has(t) {
			continue
		}
		if aside > 0 {
			k.pictures, k.scores = append(k.pictures, c.pictures[i]), append(k.scores, c.scores[i])
		}
		if m[area].hit.has(t) {
			k.hits = append(k.hits, n)
		}
		n++
	}
	return k
}

// curve is precision over recall: what is counted up to each hit, best first.
type curve struct {
	positives float64
	right     []float64 // hits up to this one
	seen      []float64 // detections up to this one
	next      []float64 // detections before the next hit, or all
	early     bool      // a wrong detection stands before the first hit
}

// scratch is memory that one goroutine's scoring uses again.
type scratch struct {
	sums   []int64
	summed []int32 // the pictures that sums is over
	curve  curve
}

// sum counts a track's detections by weight: sums[i] is that of the first i.
func (s *scratch) sum(pictures, weights []int32) []int64 {
	if len(pictures) > 0 && len(s.summed) == len(pictures) && &s.summed[0] == &pictures[0] {
		return s.sums
	}
	if cap(s.sums) <= len(pictures) {
		s.sums = make([]int64, len(pictures)+1)
	}
	s.sums, s.summed = s.sums[:len(pictures)+1], pictures
	total := int64(0)
	s.sums[0] = 0
	for i, p := range pictures {
		total += int64(weights[p])
		s.sums[i+1] = total
	}
	return s.sums
}

// curveOf walks over the hits only: between them recall stands still.
func (s *scratch) curveOf(c *ranking, area Area, t int, weights []int32) *curve {
	k, positives := &c.tracks[area][t], int64(0)
	for _, p := range c.labels[area] {
		positives += int64(weights[p])
	}
	v := &s.curve
	*v = curve{positives: float64(positives), right: v.right[:0], seen: v.seen[:0], next: v.next[:0]}
	if positives == 0 {
		return v
	}
	sums, right := s.sum(k.pictures, weights), int64(0)
	for _, h := range k.hits {
		w := int64(weights[k.pictures[h]])
		if w == 0 {
			continue
		}
		if n := len(v.next); n > 0 {
			v.next[n-1] = float64(sums[h])
		} else {
			v.early = sums[h] > 0
		}
		right += w
		v.right = append(v.right, float64(right))
		v.seen = append(v.seen, float64(sums[h+1]))
		v.next = append(v.next, float64(sums[len(k.pictures)]))
	}
	return v
}

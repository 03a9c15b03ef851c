package detection

import (
	"cmp"
	"slices"
)

// matcher matches the detections of one picture.
type matcher struct {
	order  []*Box // kept, best first
	labels []Label
	runs   []run
}

// run is one class in the picture: its detections, best first, and its labels,
// as places in order and labels.
type run struct {
	found, truth []int
	overlap      []float64 // found x truth
}

// newMatcher sorts detections and labels by class. Of a class maxDet
// detections stay, the best; equal scores keep their order.
func newMatcher(boxes []Box, labels []Label, maxDet int) *matcher {
	m := &matcher{labels: labels}
	byClass := make([]int, len(boxes))
	for i := range byClass {
		byClass[i] = i
	}
	slices.SortFunc(byClass, func(a, b int) int {
		return cmp.Or(cmp.Compare(boxes[a].ClassID, boxes[b].ClassID), cmp.Compare(boxes[b].Score, boxes[a].Score), a-b)
	})
	kept := byClass[:0]
	inClass := 0
	for i, b := range byClass {
		if i > 0 && boxes[b].ClassID != boxes[byClass[i-1]].ClassID {
			inClass = 0
		}
		if inClass++; inClass <= maxDet {
			kept = append(kept, b)
		}
	}
	slices.SortFunc(kept, func(a, b int) int { return cmp.Or(cmp.Compare(boxes[b].Score, boxes[a].Score), a-b) })
	m.order = make([]*Box, len(kept))
	runOf := map[int]int{}
	at := func(class int) *run {
		i, ok := runOf[class]
		if !ok {
			i = len(m.runs)
			runOf[class] = i
			m.runs = append(m.runs, run{})
		}
		return &m.runs[i]
	}
	for i, b := range kept {
		m.order[i] = &boxes[b]
		r := at(boxes[b].ClassID)
		r.found = append(r.found, i)
	}
	for i, l := range labels {
		r := at(l.ClassID)
		r.truth = append(r.truth, i)
	}
	return m
}

// coco matches as pycocotools does: each detection, best first, takes the free
// label that it overlaps most, at each overlap and for each area. Labels that
// do not count (crowds, and those outside the area) stand last, and what takes
// one is put aside, as is what takes none and is itself outside the area.
func (m *matcher) coco(found []Found) {
	for i := range m.runs {
		r := &m.runs[i]
		if len(r.truth) > 0 && len(r.found) > 0 {
			r.overlap = make([]float64, len(r.found)*len(r.truth))
			for d, f := range r.found {
				for g, l := range r.truth {
					r.overlap[d*len(r.truth)+g] = cocoIoU(m.order[f].Box, m.labels[l])
				}
			}
		}
		for area := range Area(areas) {
			m.cocoRun(r, area, found)
		}
	}
}

func (m *matcher) cocoRun(r *run, area Area, found []Found) {
	low, high := areaRanges[area][0], areaRanges[area][1]
	outside := func(a float64) bool { return a < low || a > high }
	order, counting := make([]int, 0, len(r.truth)), 0
	for pass := range 2 {
		for g, l := range r.truth {
			if ignored := m.labels[l].Crowd || outside(m.labels[l].Box.Area()); ignored == (pass == 1) {
				order = append(order, g)
			}
		}
		if pass == 0 {
			counting = len(order)
		}
	}
	taken := make([]mask, len(r.truth))
	for d, f := range r.found {
		out := &found[f].match[area]
		var beyond mask
		if outside(m.order[f].Box.Area()) {
			beyond = 1<<len(ious) - 1
		}
		if len(order) == 0 {
			out.aside = beyond
			continue
		}
		for t, iou := range ious {
			best, match := min(iou, 1-1e-10), -1
			for n, g := range order {
				if taken[g].has(t) && !m.labels[r.truth[g]].Crowd {
					continue
				}
				if match >= 0 && n >= counting && match < counting {
					break
				}
				if o := r.overlap[d*len(r.truth)+g]; o >= best {
					best, match = o, n
				}
			}
			if match < 0 {
				continue
			}
			taken[order[match]] |= 1 << t
			beyond &^= 1 << t
			if match < counting {
				out.hit |= 1 << t
			} else {
				out.aside |= 1 << t
			}
		}
		out.aside |= beyond
	}
}

// cocoIoU is the overlap over the union; over the detection where the label is
// a crowd.
func cocoIoU(b Rect, l Label) float64 {
	w := min(b[2], l.Box[2]) - max(b[0], l.Box[0])
	h := min(b[3], l.Box[3]) - max(b[1], l.Box[1])
	if w <= 0 || h <= 0 {
		return 0
	}
	union := b.Area()
	if !l.Crowd {
		union += l.Box.Area() - w*h
	}
	return w * h / union
}

// ultralytics matches as that tool does: each detection stands for the label
// of its class that it overlaps most, and of those that stand for one label
// the best scored is right; the others find no second label.
func (m *matcher) ultralytics(found []Found) {
	for i := range m.runs {
		r := &m.runs[i]
		taken := make([]mask, len(r.truth))
		for _, f := range r.found {
			best, match := float32(0), -1
			for g, l := range r.truth {
				if o := ultralyticsIoU(m.order[f].Box, m.labels[l].Box); o > best && !m.labels[l].Crowd {
					best, match = o, g
				}
			}
			found[f].match[AllAreas] = outcome{}
			if match < 0 {
				continue
			}
			for t, iou := range ious {
				if best >= float32(iou) && !taken[match].has(t) {
					taken[match] |= 1 << t
					found[f].match[AllAreas].hit |= 1 << t
				}
			}
		}
	}
}

func ultralyticsIoU(a, b Rect) float32 {
	w := float32(min(a[2], b[2]) - max(a[0], b[0]))
	h := float32(min(a[3], b[3]) - max(a[1], b[1]))
	if w <= 0 || h <= 0 {
		return 0
	}
	shared := w * h
	return shared / (float32(a.Area()) + float32(b.Area()) - shared + 1e-7)
}

// ConfusionIoU is the overlap from which a detection stands for a label in the
// confusion matrix, of whatever class.
const ConfusionIoU = 0.45

// confuse gives each sure detection the label that it stands for, of any
// class, as ultralytics does: the one that it overlaps most; of those that
// stand for one label the closest does.
func (m *matcher) confuse(found []Found, confidence float64) {
	overlaps := make([]float64, len(m.labels))
	owner := make([]int, len(m.labels))
	for f := range found {
		if found[f].Score <= confidence {
			break // best first
		}
		best, match := ConfusionIoU, -1
		for l := range m.labels {
			if o := cocoIoU(m.order[f].Box, m.labels[l]); o > best && !m.labels[l].Crowd {
				best, match = o, l
			}
		}
		if match < 0 || best <= overlaps[match] {
			continue
		}
		if overlaps[match] > 0 {
			found[owner[match]].Label = -1
		}
		overlaps[match], owner[match], found[f].Label = best, f, match
	}
}

package detection

import (
	"cmp"
	"slices"
)

func better(a, b candidate) int { return cmp.Compare(b.score, a.score) }

// mostCandidates bounds the boxes that suppression looks at, as ultralytics
// bounds them: the best ones.
const mostCandidates = 30_000

// suppress keeps of overlapping boxes of a class the best one, best first;
// equal scores stand by class, then in the order of anchors. No clock stops it:
// the same boxes give the same answer on any machine.
func suppress(all []candidate, iou float32) []candidate {
	if len(all) > mostCandidates {
		slices.SortStableFunc(all, better)
		all = all[:mostCandidates]
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.class, b.class), better(a, b)) })
	var kept []candidate
	for first := 0; first < len(all); {
		last := first
		for last < len(all) && all[last].class == all[first].class {
			last++
		}
		kept = append(kept, suppressClass(all[first:last], iou)...)
		first = last
	}
	return kept
}

func suppressClass(all []candidate, iou float32) []candidate {
	kept := all[:0:0]
next:
	for _, c := range all {
		for i := range kept {
			if overlap(&kept[i], &c) > iou {
				continue next
			}
		}
		kept = append(kept, c)
	}
	return kept
}

func overlap(a, b *candidate) float32 {
	w := min(a.x1, b.x1) - max(a.x0, b.x0)
	h := min(a.y1, b.y1) - max(a.y0, b.y0)
	if w <= 0 || h <= 0 {
		return 0
	}
	shared := w * h
	return shared / ((a.x1-a.x0)*(a.y1-a.y0) + (b.x1-b.x0)*(b.y1-b.y0) - shared + 1e-9)
}

package analysis

import "github.com/slipway-ml/slipway/models"

// Requests are compared in blocks: a block is open until it has at least one
// request of each release, and gives the difference of their failure rates.
// Both sides of it come from the same moment, so that a hard minute, or a
// change of weights, does not pass for a difference of the releases. At most
// blockSide requests a side count; with up to four, every difference is a
// multiple of 1/12.
const (
	blockSide = 4
	grain     = 12
	values    = 2*grain + 1
)

// Tally is all that an analysis remembers. Its zero value is ready to use, and
// it survives a restart as JSON. It is not safe for concurrent use.
type Tally struct {
	New         models.Sample `json:"new"`
	Stable      models.Sample `json:"stable"`
	Differences [values]int64 `json:"differences"` // blocks by (new-stable)*12+12
	OpenNew     models.Sample `json:"open_new"`    // the block that is not full yet
	OpenStable  models.Sample `json:"open_stable"`
	Streak      int           `json:"streak"` // failures in a row of the new release
}

// AddNew counts an answer of the new release.
func (t *Tally) AddNew(failed bool) {
	count(&t.New, failed)
	t.Streak++
	if !failed {
		t.Streak = 0
	}
	if t.OpenNew.Requests < blockSide {
		count(&t.OpenNew, failed)
	}
	t.closeBlock(t.OpenStable.Requests > 0)
}

// AddStable counts an answer of the stable release.
func (t *Tally) AddStable(failed bool) {
	count(&t.Stable, failed)
	if t.OpenStable.Requests < blockSide {
		count(&t.OpenStable, failed)
	}
	t.closeBlock(t.OpenNew.Requests > 0)
}

func (t *Tally) closeBlock(full bool) {
	if !full {
		return
	}
	unit := func(c models.Sample) int64 { return grain * c.Failures / c.Requests }
	t.Differences[unit(t.OpenNew)-unit(t.OpenStable)+grain]++
	t.OpenNew, t.OpenStable = models.Sample{}, models.Sample{}
}

func count(s *models.Sample, failed bool) {
	s.Requests++
	if failed {
		s.Failures++
	}
}

// Blocks is the number of comparisons.
func (t *Tally) Blocks() int64 {
	var n int64
	for _, c := range t.Differences {
		n += c
	}
	return n
}

// Mean is the mean difference over the blocks; 0 for none.
func (t *Tally) Mean() float64 {
	var sum, n float64
	for i, c := range t.Differences {
		sum += difference(i) * float64(c)
		n += float64(c)
	}
	if n == 0 {
		return 0
	}
	return sum / n
}

func difference(i int) float64 { return float64(i-grain) / grain }

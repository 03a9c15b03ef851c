package models

import "time"

// GCState is where a collection of garbage stands.
type GCState string

// The states of a collection; the last two are final.
const (
	GCPending GCState = "pending"
	GCRunning GCState = "running"
	GCDone    GCState = "done"
	GCFailed  GCState = "failed" // some things could not be removed; run it again
)

// Final tells whether the state changes no more.
func (s GCState) Final() bool { return s == GCDone || s == GCFailed }

// Garbage is a kind of thing that gc removes.
type Garbage string

// The kinds of garbage, in the order in which they are removed: what refers
// goes before what it refers to.
const (
	GarbageRun         Garbage = "run"
	GarbageLoggedModel Garbage = "logged_model"
	GarbageExperiment  Garbage = "experiment"
	GarbageImage       Garbage = "image"        // no release, and no version as its newest, needs it
	GarbageVersion     Garbage = "version"      // with its validations
	GarbageModel       Garbage = "model"        // a registered one
	GarbagePush        Garbage = "dataset_push" // begun and never committed
	GarbageKey         Garbage = "idempotency_key"

	// Files that nothing refers to.
	GarbageFrozen Garbage = "frozen_file"  // bytes kept for a manifest
	GarbageBlob   Garbage = "image_blob"   // of the OCI layout
	GarbageData   Garbage = "dataset_blob" // of a data set
	GarbageUpload Garbage = "upload"       // cut off; what the store holds of it
	GarbageOrphan Garbage = "orphan"       // a folder of a run or logged model that is no more
)

// Purgeable is one thing whose rows gc may remove.
type Purgeable struct {
	Kind   Garbage
	Key    int64  // of its row
	ID     string // as its users know it
	Name   string
	Folder string // URI of its files; "" where it has none of its own
}

// GC is one collection of garbage, or the plan of one.
type GC struct {
	ID        int64
	State     GCState
	Reason    string
	DryRun    bool
	OlderThan time.Duration // how long what was deleted can be restored
	Report    GCReport
	Progress  Progress
	CreatedAt time.Time
	CreatedBy string
	StartedAt *time.Time
	EndedAt   *time.Time
}

// GCReport is what a collection removed, or would remove.
type GCReport struct {
	Totals  map[Garbage]GCTotal `json:"totals"`
	Items   []GCItem            `json:"items"`   // the first MaxGCItems
	More    int64               `json:"more"`    // items beyond those
	Missing int64               `json:"missing"` // files that were recorded, and gone already
	Held    int64               `json:"held"`    // files left in place because a version's manifest cites them
}

// MaxGCItems bounds how many things a report names; its totals count all.
const MaxGCItems = 1000

// GCTotal sums up a kind.
type GCTotal struct {
	Count int64 `json:"count"`
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

// GCItem is one thing of a report.
type GCItem struct {
	Kind  Garbage `json:"kind"`
	ID    string  `json:"id"`
	Name  string  `json:"name"`
	Files int64   `json:"files"`
	Bytes int64   `json:"bytes"`
}

// Add notes one thing.
func (r *GCReport) Add(i GCItem) {
	if r.Totals == nil {
		r.Totals = map[Garbage]GCTotal{}
	}
	t := r.Totals[i.Kind]
	t.Count++
	t.Files += i.Files
	t.Bytes += i.Bytes
	r.Totals[i.Kind] = t
	if len(r.Items) < MaxGCItems {
		r.Items = append(r.Items, i)
	} else {
		r.More++
	}
}

// Sum is the total over all kinds.
func (r *GCReport) Sum() (sum GCTotal) {
	for _, t := range r.Totals {
		sum.Count += t.Count
		sum.Files += t.Files
		sum.Bytes += t.Bytes
	}
	return sum
}

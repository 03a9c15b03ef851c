// Package dataset keeps labelled data sets: a push names paths and digests,
// uploads the blobs that are not there yet, and commits. A version never
// changes; one whose structure is at fault is refused with the list. It judges
// no pixels: a picture that does not decode is a finding of the check that
// reads it.
package dataset

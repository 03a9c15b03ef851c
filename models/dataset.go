package models

import (
	"strconv"
	"strings"
	"time"
)

// DatasetRef names one version of a data set: "shapes-val@1".
type DatasetRef struct {
	Name    string `json:"name"`
	Version int64  `json:"version"`
}

// String gives the reference as it is written in a pipeline.
func (r DatasetRef) String() string { return r.Name + "@" + strconv.FormatInt(r.Version, 10) }

// ParseDatasetRef reads "name@version".
func ParseDatasetRef(text string) (DatasetRef, error) {
	name, number, _ := strings.Cut(text, "@")
	version, err := strconv.ParseInt(number, 10, 64)
	if name == "" || err != nil || version < 1 {
		return DatasetRef{}, Errorf(KindInvalid, "data set %q: write NAME@VERSION, such as shapes-val@1", text)
	}
	return DatasetRef{Name: name, Version: version}, nil
}

// Dataset is a named, labelled data set; its versions never change.
type Dataset struct {
	ID          int64
	Name        string
	Description string
	Latest      int64 // number of its newest committed version; 0: none yet
	CreatedAt   time.Time
}

// DatasetState says whether a data set's version is complete.
type DatasetState string

// The states of a data set version.
const (
	DatasetUploading DatasetState = "uploading" // blobs may still be missing
	DatasetCommitted DatasetState = "committed"
)

// DatasetVersion is one version of a data set, frozen when it is committed.
type DatasetVersion struct {
	ID          int64
	DatasetID   int64
	Dataset     string // name
	Number      int64  // counts from 1 in each data set
	State       DatasetState
	Digest      string // hex SHA-256 over the entries' paths and digests
	Classes     []string
	Files       int64
	Images      int64
	Backgrounds int64 // images without a box
	Boxes       int64
	Bytes       int64
	CreatedAt   time.Time
	CreatedBy   string
	CommittedAt *time.Time
}

// DatasetFile is one file of a data set version.
type DatasetFile struct {
	Path   string // relative to the data set's root, slash-separated
	Size   int64
	SHA256 string // hex
}

// LabeledImage is one picture of a data set with its boxes.
type LabeledImage struct {
	File  DatasetFile
	Boxes []LabelBox
}

// LabelBox is one labelled object: its class and its centre and size relative
// to the upright picture.
type LabelBox struct {
	Class                 int
	CX, CY, Width, Height float64
}

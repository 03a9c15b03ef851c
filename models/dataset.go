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
	Latest      int64         // number of its newest committed version; 0: none yet
	Format      DatasetFormat // of that version
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
	Digest      string // hex SHA-256 over the entries' paths, digests and tags, and the settings
	Settings    DatasetSettings
	Format      DatasetFormat // once committed
	Classes     []string      // by id; none in a table
	Files       int64
	Images      int64
	Backgrounds int64 // images without a box
	Boxes       int64
	Bytes       int64
	Summary     DatasetContents // once committed
	CreatedAt   time.Time
	CreatedBy   string
	CommittedAt *time.Time
}

// DatasetSettings are what a push says about its files; a part of the digest.
type DatasetSettings struct {
	Format    DatasetFormat `json:"format,omitempty"`     // "": told from the files
	TagFields []string      `json:"tag_fields,omitempty"` // fields of COCO's images whose values are tags
}

// DatasetFile is one file of a data set version.
type DatasetFile struct {
	Path   string // relative to the data set's root, slash-separated
	Size   int64
	SHA256 string   // hex
	Tags   []string // that the push gave it, sorted
}

// LabeledImage is one picture of a data set with its labels.
type LabeledImage struct {
	File   DatasetFile
	Boxes  []LabelBox
	Crowds []LabelBox // regions of many objects (COCO's iscrowd): neither to be found nor a mistake
	Class  int        // of the whole picture, in a data set of folders; -1 elsewhere
	Tags   []string   // words and key=value, sorted, from wherever the data set has them
}

// LabelBox is one labelled object: its class and its centre and size relative
// to the upright picture. A box may reach out of the picture.
type LabelBox struct {
	Class                 int
	CX, CY, Width, Height float64
}

// ImageFacts are what was seen of an image when it came in.
type ImageFacts struct {
	Width, Height int    // upright; 0: it does not decode, or nobody has looked
	Turned        bool   // it is stored lying: its EXIF orientation swaps width and height
	Fault         string // why it does not decode
}

// Looked tells whether the picture has been looked at.
func (f ImageFacts) Looked() bool { return f.Width > 0 || f.Fault != "" }

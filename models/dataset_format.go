package models

// DatasetFormat is how the files of a data set say what is what.
type DatasetFormat string

// The formats.
const (
	FormatYOLO    DatasetFormat = "yolo"    // data.yaml, images, and a text file of boxes for each
	FormatCOCO    DatasetFormat = "coco"    // a JSON file of instances beside images
	FormatFolders DatasetFormat = "folders" // images; their folder is their class
	FormatCSV     DatasetFormat = "csv"     // tables with a line of names
	FormatParquet DatasetFormat = "parquet" // tables
)

// DatasetFormats lists the formats.
func DatasetFormats() []DatasetFormat {
	return []DatasetFormat{FormatYOLO, FormatCOCO, FormatFolders, FormatCSV, FormatParquet}
}

// DatasetTask is what a data set can be used for.
type DatasetTask string

// The tasks. A table serves classification as well as regression: which column
// is the target is said by who uses it.
const (
	TaskDetection      DatasetTask = "detection"      // boxes in images
	TaskClassification DatasetTask = "classification" // a class for each image
	TaskTable          DatasetTask = "table"          // rows of typed columns
)

// Task tells what data sets of a format can be used for; "" for no format.
func (f DatasetFormat) Task() DatasetTask {
	switch f {
	case FormatYOLO, FormatCOCO:
		return TaskDetection
	case FormatFolders:
		return TaskClassification
	case FormatCSV, FormatParquet:
		return TaskTable
	default:
		return ""
	}
}

// DatasetContents tells people what a version holds and what is odd about it.
type DatasetContents struct {
	Classes  []ClassCount     `json:"classes,omitempty"` // by id
	Tags     []TagCount       `json:"tags,omitempty"`    // by tag
	Columns  []Column         `json:"columns,omitempty"` // of a table, in its order
	Rows     int64            `json:"rows,omitempty"`
	Crowds   int64            `json:"crowds,omitempty"`
	Findings []DatasetFinding `json:"findings,omitempty"` // the gravest first
}

// ClassCount is how often a class occurs.
type ClassCount struct {
	Name   string `json:"name"`
	Images int64  `json:"images"`
	Boxes  int64  `json:"boxes,omitempty"`
}

// TagCount is how many images have a tag.
type TagCount struct {
	Tag    string `json:"tag"`
	Images int64  `json:"images"`
}

// DatasetFinding is one kind of oddity in a data set, with examples. It does
// not keep the version from being used.
type DatasetFinding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Remedy   string   `json:"remedy,omitempty"`
	Count    int64    `json:"count"`
	Examples []Detail `json:"examples,omitempty"` // the first ones; Field is a file or file:line
}

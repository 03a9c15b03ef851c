package models

// ChartKind says how a chart is drawn.
type ChartKind string

// The kinds of charts.
const (
	ChartLines  ChartKind = "lines"  // series of points
	ChartBars   ChartKind = "bars"   // a value for each label, or a histogram
	ChartMatrix ChartKind = "matrix" // a square of counts
)

// Chart is a drawing of figures that a report shows.
type Chart struct {
	Title  string      `json:"title"`
	About  string      `json:"about,omitempty"` // how to read it, in a line
	Kind   ChartKind   `json:"kind"`
	X      string      `json:"x,omitempty"` // what the axes say, with their units
	Y      string      `json:"y,omitempty"`
	Series []Series    `json:"series,omitempty"` // of lines and bars
	Labels []string    `json:"labels,omitempty"` // of bars; of a matrix' rows and columns alike
	Cells  [][]float64 `json:"cells,omitempty"`  // of a matrix: rows are the truth, columns what the model says
}

// Series is one line or one row of bars.
type Series struct {
	Name string    `json:"name"`
	X    []float64 `json:"x,omitempty"` // of lines; of bars without labels the left edges
	Y    []float64 `json:"y"`
}

// Picture is an image of a data set with what is true and what the model says.
type Picture struct {
	Path   string       `json:"path"`            // in the data set
	Title  string       `json:"title,omitempty"` // why it is shown
	Image  string       `json:"image"`           // the attachment that holds it, small enough for a page
	Width  int          `json:"width"`           // in pixels, of the upright original
	Height int          `json:"height"`
	Boxes  []PictureBox `json:"boxes,omitempty"`
}

// PictureBox is a rectangle drawn on a picture.
type PictureBox struct {
	Box       [4]float64 `json:"box"` // left, top, right, bottom, in pixels of the original
	Label     string     `json:"label"`
	Score     float64    `json:"score,omitempty"` // of a prediction
	Predicted bool       `json:"predicted,omitempty"`
	Right     bool       `json:"right,omitempty"` // the prediction has its label, or the label its prediction
}

// Figures are the drawings of a step's report.
type Figures struct {
	Charts   []Chart   `json:"charts,omitempty"`
	Pictures []Picture `json:"pictures,omitempty"`
}

// Attachment is a file kept with a step's report.
type Attachment struct {
	Name      string `json:"name"` // unique in the step
	MediaType string `json:"media_type"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"` // hex
	Key       string `json:"key"`    // of the artifact store
}

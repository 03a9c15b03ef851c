package detection

// Rect is a rectangle in pixels: x0, y0, x1, y1, the origin at the top left.
type Rect [4]float64

// Area is the area; 0 for an empty rectangle.
func (r Rect) Area() float64 {
	return max(0, r[2]-r[0]) * max(0, r[3]-r[1])
}

// Box is one detected object, in pixels of the upright original picture.
type Box struct {
	ClassID int     `json:"class_id"`
	Class   string  `json:"class"` // the number in words where the model names no classes
	Score   float64 `json:"score"`
	Box     Rect    `json:"box"`
}

// Label is one labelled object of a picture, in pixels.
type Label struct {
	ClassID int
	Box     Rect
	Crowd   bool // COCO's iscrowd: detections on it count neither way
}

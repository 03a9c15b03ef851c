package detection

import "github.com/slipway-ml/slipway/models"

// Convention names a tool whose figures ours agree with. It decides how a
// picture is resized, what an anchor with several likely classes gives, how
// boxes and labels are matched, and how precision is integrated over recall.
type Convention string

// The conventions. "" is COCO.
const (
	COCO        Convention = "coco"        // pycocotools, on pictures that Pillow resized
	Ultralytics Convention = "ultralytics" // ultralytics val(rect=False)
)

// Conventions lists them, for messages and schemas.
var Conventions = []Convention{COCO, Ultralytics}

// Validate names a convention that is none.
func (c Convention) Validate() error {
	switch c {
	case "", COCO, Ultralytics:
		return nil
	}
	return models.Errorf(models.KindInvalid, "convention %q is none of %v", c, Conventions)
}

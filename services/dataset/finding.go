package dataset

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

// maxExamples bounds what is kept of each kind of finding.
const maxExamples = 100

// rule is one kind of finding. Faults, which refuse a version, are not among
// them.
type rule struct {
	name     string
	severity models.Severity
	message  string
	remedy   string
}

// The rules.
var (
	undecodable = rule{
		"undecodable", models.SeverityError, "pictures that do not decode",
		"mend or remove them and push again, or name them under exclude in the pipeline",
	}
	outside = rule{
		"outside", models.SeverityWarning, "boxes that reach out of their picture; they are kept as they are",
		"check that the labels were made for these pictures",
	}
	twiceCounted  = rule{"duplicate", models.SeverityWarning, "boxes that stand twice in their picture: counted once, as ultralytics does", "remove the second line"}
	twiceKept     = rule{"duplicate", models.SeverityWarning, "boxes that stand twice in their picture: both count, as with pycocotools", "remove the second annotation"}
	tiny          = rule{"tiny", models.SeverityWarning, "boxes of less than a pixel", "remove them, or check the labels' scale"}
	polygon       = rule{"polygon", models.SeverityInfo, "polygons: their bounding boxes are taken", ""}
	crowd         = rule{"crowd", models.SeverityInfo, "crowd regions (iscrowd): kept apart from the boxes, neither to be found nor a mistake", ""}
	emptyLabels   = rule{"empty-labels", models.SeverityInfo, "images whose label file is empty: backgrounds, a detection on them is wrong", ""}
	withoutLabels = rule{
		"without-labels", models.SeverityWarning, "images without a label file: taken for backgrounds, a detection on them is wrong",
		"add their labels; an empty file says that there is nothing to see",
	}
	withoutBoxes = rule{"without-boxes", models.SeverityInfo, "images without an annotation: backgrounds, a detection on them is wrong", ""}
	notListed    = rule{
		"not-listed", models.SeverityWarning, "images that the JSON file does not list: not part of the data set",
		"list them under images, or leave them out of the push",
	}
	foundByName  = rule{"found-by-name", models.SeverityInfo, "images that are found by their base name alone, not by the folder of file_name", ""}
	samePicture  = rule{"same-picture", models.SeverityWarning, "pictures that another one equals byte for byte", "remove one of them, or tell their labels apart"}
	emptyClass   = rule{"empty-class", models.SeverityWarning, "classes without a label: nothing can be measured of them", ""}
	tagOfNothing = rule{"tag-of-nothing", models.SeverityWarning, "tags for paths that no image has", "mend the path or the pattern"}
	noImage      = rule{"no-image", models.SeverityInfo, "files in class folders that are no images: not part of the data set", ""}
	emptyColumn  = rule{"empty-column", models.SeverityWarning, "columns without a value", ""}
	nestedColumn = rule{"nested-column", models.SeverityWarning, "columns of lists, maps or structs: their values are not read", "unfold them into columns of their own"}
	wordsMissing = rule{"missing-words", models.SeverityInfo, "columns in which a word such as NA or null stands for a missing value", ""}
)

// findings collects findings by rule.
type findings map[string]*models.DatasetFinding

func (f findings) add(r rule, where, format string, args ...any) {
	group, ok := f[r.name]
	if !ok {
		group = &models.DatasetFinding{Rule: r.name, Severity: r.severity, Message: r.message, Remedy: r.remedy}
		f[r.name] = group
	}
	group.Count++
	if len(group.Examples) < maxExamples {
		group.Examples = append(group.Examples, models.Detail{Field: where, Message: fmt.Sprintf(format, args...)})
	}
}

// merge adds what another collection holds, behind what is here.
func (f findings) merge(other findings) {
	for name, from := range other {
		to, ok := f[name]
		if !ok {
			f[name] = from
			continue
		}
		to.Count += from.Count
		to.Examples = append(to.Examples, from.Examples[:min(len(from.Examples), maxExamples-len(to.Examples))]...)
	}
}

// sorted lists the findings, the gravest first.
func (f findings) sorted() []models.DatasetFinding {
	rank := map[models.Severity]int{models.SeverityError: 0, models.SeverityWarning: 1, models.SeverityInfo: 2}
	var out []models.DatasetFinding
	for _, group := range slices.SortedFunc(maps.Values(f), func(a, b *models.DatasetFinding) int {
		if d := rank[a.Severity] - rank[b.Severity]; d != 0 {
			return d
		}
		return strings.Compare(a.Rule, b.Rule)
	}) {
		out = append(out, *group)
	}
	return out
}

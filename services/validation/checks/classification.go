package checks

import (
	"context"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/accuracy"
	"github.com/slipway-ml/slipway/services/pipeline"
	"github.com/slipway-ml/slipway/services/validation"
)

// Classification measures a classifier on the rows of a table, or on images in
// folders of classes.
type Classification struct{}

// classificationSettings are the fields of a step.
type classificationSettings struct {
	Target   string        `json:"target,omitempty" jsonschema_description:"The column of a table that holds the truth."`
	Features []string      `json:"features,omitempty" jsonschema:"minItems=1" jsonschema_description:"The columns that the model is given; by default those of its signature, else all but the target."`
	Output   string        `json:"output,omitempty" jsonschema_description:"The output that is judged, where the model has several."`
	Classes  []string      `json:"classes,omitempty" jsonschema:"minItems=2" jsonschema_description:"The classes in the order of the model's output; by default those of its metadata, else the data set's in their order."`
	Picture  pictureFitted `json:"picture,omitempty"`
	Exclude  []string      `json:"exclude,omitempty" jsonschema_description:"Images of the data set to leave out, by path, such as one that does not decode."`
	Slices   []slice       `json:"slices,omitempty" jsonschema_description:"Parts of the data set whose figures are measured too, such as map50{night}."`

	CompareBy string `json:"compare_by,omitempty" jsonschema:"enum=bound,enum=estimate,default=bound" jsonschema_description:"What no_worse_than is held against: the bound (95 %) of the difference, or the difference itself."`
}

// pictureFitted says how a picture becomes the model's input.
type pictureFitted struct {
	Fit  string    `json:"fit,omitempty" jsonschema:"enum=crop,enum=stretch,default=crop" jsonschema_description:"crop: the shorter side fills the input and the middle is cut out. stretch: scaled without keeping proportions."`
	Mean []float32 `json:"mean,omitempty" jsonschema:"minItems=3,maxItems=3" jsonschema_description:"Taken from red, green and blue (0 to 1); 0 by default."`
	Std  []float32 `json:"std,omitempty" jsonschema:"minItems=3,maxItems=3" jsonschema_description:"Red, green and blue are divided by it; 1 by default."`
}

// Lint implements pipeline.Linter.
func (c classificationSettings) Lint(at func(field, format string, args ...any)) {
	if slices.Contains(c.Picture.Std, 0) {
		at("picture.std", "nothing is divided by 0")
	}
	lintSlices(c.Slices, at)
}

// Parts implements pipeline.Parted.
func (c classificationSettings) Parts() []string { return sliceNames(c.Slices) }

// Declare implements validation.Check.
func (Classification) Declare() pipeline.Check {
	return pipeline.Check{
		Name: "classification", Version: 1, About: "accuracy, F1, AUC and calibration on a table or on folders of images.",
		Dataset: pipeline.Required, Compare: []string{"accuracy", "f1_macro"}, Settings: classificationSettings{CompareBy: byBound},
		Measures: []pipeline.Measure{
			{Name: "accuracy", Share: true, About: "how many are right"},
			{Name: "balanced_accuracy", Share: true, About: "mean recall of the classes"},
			{Name: "f1_macro", Share: true, About: "mean F1 of the classes"},
			{Name: "f1_weighted", Share: true, About: "mean F1 of the classes, weighted by how often they are true"},
			{Name: "auc", Share: true, About: "area under the ROC curve: of the second of two classes, else the mean of each against the rest"},
			{Name: "log_loss", Lower: true, About: "mean of -ln of the true class' probability"},
			{Name: "calibration_error", Share: true, Lower: true, About: "how far confidence is from accuracy, in 15 bins"},
			{Name: "precision[CLASS]", Share: true, About: "how many of those taken for the class are it"},
			{Name: "recall[CLASS]", Share: true, About: "how many of the class are found"},
			{Name: "f1[CLASS]", Share: true, About: "harmonic mean of the two"},
			{Name: "samples", About: "rows or images used"},
		},
	}
}

// Run implements validation.Check.
func (c Classification) Run(ctx context.Context, s *validation.Subject) (report models.Report, err error) {
	settings := classificationSettings{CompareBy: byBound}
	if err := s.Step.Read(&settings); err != nil {
		return report, err
	}
	set, err := s.Datasets.Committed(ctx, *s.Step.Dataset)
	if err != nil {
		return report, err
	}
	own, err := c.measure(ctx, s, set, settings, &report)
	if err != nil {
		return report, broken(err, &report)
	}
	if err := own.conclude(&report); err != nil || s.Step.Compare == nil || own.answers.given.Len() == 0 {
		return report, err
	}
	decide, err := newComparison(s.Step, settings.CompareBy, set, c.Declare())
	if err != nil {
		return report, err
	}
	return report, compareWithOther(ctx, s, decide, settings.Slices, own.answers, func(other *validation.Subject) (answers[*accuracy.Classes], error) {
		its, err := c.measure(ctx, other, set, settings, &models.Report{})
		if err != nil {
			return answers[*accuracy.Classes]{}, err
		}
		return its.answers, nil
	}, &report)
}

// measure runs a version over the data set.
func (Classification) measure(
	ctx context.Context, s *validation.Subject, set models.DatasetVersion, settings classificationSettings, report *models.Report,
) (*classified, error) {
	served, err := s.Serve(ctx)
	if err != nil {
		return nil, err
	}
	defer served.Stop()
	measured(s, set, served, "classification 1", report)
	work := &classified{s: s, served: served, set: set, settings: settings, unknown: map[string]int{}}
	switch set.Format.Task() {
	case models.TaskTable:
		err = work.rows(ctx)
	case models.TaskClassification:
		err = work.pictures(ctx)
	default:
		err = models.Errorf(models.KindInvalid, "%s is of format %s: classification needs a table, or folders of images", s.Step.Dataset, set.Format)
	}
	if err != nil {
		return nil, err
	}
	return work, nil
}

package validation

import (
	"context"
	"io"
	"time"

	"github.com/slipway-ml/slipway/deploy"
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/mask"
	"github.com/slipway-ml/slipway/services/pipeline"
)

// Check judges one aspect of a model version.
type Check interface {
	// Declare says what a pipeline may write of it.
	Declare() pipeline.Check
	// Run looks. An error means that it could not, and the step is errored; a
	// finding of severity error means that it looked and found a problem, and
	// the step fails. Thresholds and comparisons are not its business: it
	// measures. It may run again after a crash.
	Run(ctx context.Context, s *Subject) (models.Report, error)
}

// Command declares itself under this name: it does run: steps.
const Command = "run"

// Files reads the frozen files of model versions.
type Files interface {
	// Manifest lists a version's files.
	Manifest(ctx context.Context, versionID int64) (models.Manifest, error)
	// Open opens a file; its digest has been verified when it ends.
	Open(ctx context.Context, e models.ManifestEntry) (io.ReadCloser, error)
	// Part opens some bytes of a file, which are not verified.
	Part(ctx context.Context, e models.ManifestEntry, offset, length int64) (io.ReadCloser, error)
	// Materialize writes files below a folder that is there, verified.
	Materialize(ctx context.Context, m models.Manifest, dir string) error
}

// Datasets reads labelled data sets. A version's Format.Task says what it can
// be used for: detection has images with boxes, classification images with a
// class (both by Open), table has rows (by Table).
type Datasets interface {
	// Committed gives a committed version with its format, classes and summary.
	Committed(ctx context.Context, ref models.DatasetRef) (models.DatasetVersion, error)
	// Open gives a committed version with its images, their labels and their tags,
	// in the order of paths; a table is an error of kind invalid.
	Open(ctx context.Context, ref models.DatasetRef) (models.DatasetVersion, []models.LabeledImage, error)
	// Table opens the rows of a committed version, file after file in the order of
	// paths; one that is no table is an error of kind invalid. The caller closes.
	Table(ctx context.Context, ref models.DatasetRef) (models.DatasetVersion, models.Table, error)
	// Read opens a file; its digest has been verified when it ends.
	Read(ctx context.Context, f models.DatasetFile) (io.ReadCloser, error)
	// Materialize writes a version's files below a folder.
	Materialize(ctx context.Context, ref models.DatasetRef, dir string) error
}

// Settings say where things are on this machine.
type Settings struct {
	Work          string // folder for what steps need while they run
	Serve         string // the program slipway-serve
	Runtime       string // libonnxruntime.so
	StepImage     string // of run: steps on docker that name none
	Python        string // whose folder comes first on a command's PATH; "": none
	Parallel      int    // inferences at once
	StepsParallel int    // steps of one validation at once; 0: a step for each core, two at least
	Server        string // id of this server: labels what is started

	ServeMemory int64         // bytes that slipway-serve may hold; 0: three quarters of the machine's
	Answer      time.Duration // that one answer of a model may take; 0: two minutes

	Version   string // of Slipway
	LogToRuns bool   // whether figures become metrics and tags of the version's run
}

// Subject is a version as a step sees it.
type Subject struct {
	ID       string // of this step in this validation: names what it starts
	Version  models.Version
	Manifest models.Manifest
	Step     models.StepSpec // with the values of its expressions
	Mask     *mask.Mask      // of the secrets in its scope; what it reports is masked without it too, but not what it cuts
	Settings Settings
	Datasets Datasets
	Runner   deploy.Runner // of inference; see StepRunner
	Log      io.Writer
	Dir      string                               // a folder of the step's own, removed after it
	Progress func(done, total int64, unit string) // tells how far it is

	Sources Sources

	used      map[string]string // see Used
	files     Files
	steps     map[string]deploy.Runner
	champions func(ctx context.Context, environment string) (*Subject, error)
	attach    func(ctx context.Context, name string, body io.Reader) (models.Attachment, error)
	kept      func(ctx context.Context, versionID int64, key, name string) (io.ReadCloser, error)
	reuse     func(ctx context.Context, key string) ([]models.Measurement, error)
	run       func(ctx context.Context, id string) (models.Run, error)
	door      func(ctx context.Context) (*Door, error)
}

// Open opens a file of the version, verified as it is read.
func (s *Subject) Open(ctx context.Context, e models.ManifestEntry) (io.ReadCloser, error) {
	return s.files.Open(ctx, e)
}

// Champion gives what a step compares with (models.CompareSpec.Against), as a
// subject of the same step; nil while there is nothing.
func (s *Subject) Champion(ctx context.Context, against string) (*Subject, error) {
	return s.champions(ctx, against)
}

// Measured gives what this version measured earlier under a report's key; nil
// where it did not.
func (s *Subject) Measured(ctx context.Context, key string) ([]models.Measurement, error) {
	return s.reuse(ctx, key)
}

// Run gives the run that the version came from, with the latest of its metrics;
// not_found where the version names none, or one that is gone.
func (s *Subject) Run(ctx context.Context) (models.Run, error) {
	if s.Version.RunID == "" {
		return models.Run{}, models.Errorf(models.KindNotFound, "%s names no run", s.Version.Ref())
	}
	return s.run(ctx, s.Version.RunID)
}

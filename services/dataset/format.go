package dataset

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
)

func formatNames() string {
	var names []string
	for _, f := range models.DatasetFormats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// tell tells the format from what the files are, unless the push named it.
func (r *reading) tell(ctx context.Context) (models.DatasetFormat, error) {
	if named := r.version.Settings.Format; named != "" {
		return named, nil
	}
	if !slices.ContainsFunc(r.files, isImage) {
		return r.tellTable()
	}
	config, err := configFile(r.files)
	if err == nil {
		named, err := r.namesClasses(ctx, config)
		if named || err != nil {
			return models.FormatYOLO, err
		}
	}
	instances, err := r.instanceFiles(ctx)
	switch {
	case err != nil:
		return "", err
	case len(instances) > 0:
		return models.FormatCOCO, nil
	case config.Path != "" || slices.ContainsFunc(r.files, r.isLabel):
		return models.FormatYOLO, nil // whose reader says what is missing
	case slices.ContainsFunc(r.files, func(f models.DatasetFile) bool { return isImage(f) && path.Dir(f.Path) != "." }):
		return models.FormatFolders, nil
	}
	return "", models.Errorf(models.KindInvalid, "the images have no labels: yolo has a data.yaml, coco a JSON file of instances, folders a folder for each class (docs/datasets.md)")
}

// tellTable tells which tables there are, where there is no image.
func (r *reading) tellTable() (models.DatasetFormat, error) {
	var found []models.DatasetFormat
	for _, format := range []models.DatasetFormat{models.FormatCSV, models.FormatParquet} {
		if slices.ContainsFunc(r.files, func(f models.DatasetFile) bool { return isTable(f, format) }) {
			found = append(found, format)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", models.Errorf(models.KindInvalid, "there are tables in CSV and in Parquet: push one of them, or name it by format (--format)")
	}
	if _, err := configFile(r.files); err != nil {
		return "", models.Errorf(models.KindInvalid, "there is neither an image (%s) nor a table (.csv, .tsv, .parquet)", strings.Join(imageForms, ", "))
	}
	return models.FormatYOLO, nil
}

// namesClasses tells whether a YAML file is a data set's.
func (r *reading) namesClasses(ctx context.Context, f models.DatasetFile) (bool, error) {
	text, err := r.text(ctx, f)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(strings.Split(string(text), "\n"), func(line string) bool { return strings.HasPrefix(line, "names") }), nil
}

// isLabel tells whether a file holds the labels of an image that is there.
func (r *reading) isLabel(f models.DatasetFile) bool {
	return isImage(f) && r.byPath[labelPath(f.Path)].Path != ""
}

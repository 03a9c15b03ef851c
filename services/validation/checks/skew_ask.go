package checks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/detection"
	"github.com/slipway-ml/slipway/services/validation"
)

// skewAsk is a request that both answer, in MLflow's scoring protocol.
type skewAsk struct {
	what string
	rows int // in it
	question
}

func newSkewAsk(what string, rows int, doc any) (skewAsk, error) {
	body, err := json.Marshal(doc)
	if err != nil {
		return skewAsk{}, fmt.Errorf("encode %s: %w", what, err)
	}
	return skewAsk{what, rows, question{what: what, path: "/invocations", header: http.Header{"Content-Type": {"application/json"}}, body: body}}, nil
}

// newAsks gives what is asked: the input example, and a sample of the data set.
func newAsks(ctx context.Context, s *validation.Subject, served *validation.Served, settings skewSettings) ([]skewAsk, error) {
	var asks []skewAsk
	e, err := readExample(ctx, s)
	switch {
	case err == nil:
		a, err := newSkewAsk("the input example", e.rows(), e.doc)
		if err != nil {
			return nil, err
		}
		asks = append(asks, a)
	case !models.IsKind(err, models.KindNotFound):
		return nil, err
	case s.Step.Dataset == nil:
		return nil, models.Errorf(models.KindUnsupported, "there is nothing to ask: log the model with an input_example, or give the step a dataset")
	}
	if s.Step.Dataset == nil {
		return asks, nil
	}
	set, err := s.Datasets.Committed(ctx, *s.Step.Dataset)
	if err != nil {
		return nil, err
	}
	sample := askTable
	if set.Format.Task() != models.TaskTable {
		sample = askPictures
	}
	more, err := sample(ctx, s, served, settings, set)
	return append(asks, more...), err
}

// rows is how many an example has.
func (e example) rows() int {
	var data any
	if json.Unmarshal(e.doc[e.key], &data) != nil {
		return 1
	}
	if object, ok := data.(map[string]any); ok {
		if e.key == "dataframe_split" {
			data = object["data"]
		} else if names := keys(object); len(names) > 0 {
			data = object[names[0]]
		}
	}
	list, _ := data.([]any)
	return max(1, len(list))
}

// askTable asks for rows evenly over a table, some at once.
func askTable(ctx context.Context, s *validation.Subject, _ *validation.Served, settings skewSettings, set models.DatasetVersion) ([]skewAsk, error) {
	_, table, err := s.Datasets.Table(ctx, *s.Step.Dataset)
	if err != nil {
		return nil, err
	}
	defer func() { _ = table.Close() }()
	columns := settings.Features
	if columns == nil {
		columns = signedColumns(ctx, s)
	}
	all := table.Columns()
	if columns == nil {
		for _, c := range all {
			columns = append(columns, c.Name)
		}
	}
	var at []int
	for _, name := range columns {
		i := slices.IndexFunc(all, func(c models.Column) bool { return c.Name == name })
		if i < 0 {
			return nil, noColumn("features", name, all)
		}
		at = append(at, i)
	}
	stride := max(1, int(set.Summary.Rows)/settings.Rows)
	var asks []skewAsk
	var data [][]any
	flush := func() error {
		if len(data) == 0 {
			return nil
		}
		a, err := newSkewAsk(fmt.Sprintf("%d rows of %s", len(data), s.Step.Dataset), len(data),
			map[string]any{"dataframe_split": map[string]any{"columns": columns, "data": data}})
		asks, data = append(asks, a), nil
		return err
	}
	for n, taken := 0, 0; taken < settings.Rows; n++ {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if n%stride != 0 {
			continue
		}
		taken++
		cells := make([]any, len(at))
		for i, column := range at {
			cells[i] = cell(row[column])
		}
		if data = append(data, cells); len(data) == batchRows {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	return asks, flush()
}

// askPictures asks for pictures evenly over a data set, each as the tensor that
// the model takes.
func askPictures(ctx context.Context, s *validation.Subject, served *validation.Served, settings skewSettings, set models.DatasetVersion) ([]skewAsk, error) {
	_, images, err := s.Datasets.Open(ctx, *s.Step.Dataset)
	if err != nil {
		return nil, err
	}
	inputs, err := modelInputs(ctx, s, served)
	if err != nil {
		return nil, err
	}
	if len(inputs) != 1 || len(inputs[0].Shape) != 4 || inputs[0].Datatype != "FP32" || inputs[0].Shape[1] != 3 {
		return nil, models.Errorf(models.KindUnsupported, "pictures of %s are asked as one tensor of floats, 1×3×height×width, and the model takes %s: leave out the dataset", s.Step.Dataset, inputNames(inputs))
	}
	height, width := inputs[0].Shape[2], inputs[0].Shape[3]
	if guess := sizes(inputs, nil, served.Facts.Model.Metadata)[0]; guess > 0 {
		for _, side := range []*int64{&height, &width} {
			if *side < 0 {
				*side = guess
			}
		}
	}
	stride := max(1, len(images)/settings.Images)
	var asks []skewAsk
	for i := 0; i < len(images) && len(asks) < settings.Images; i += stride {
		picture, err := readPicture(ctx, s, images[i].File)
		if err != nil {
			return nil, err
		}
		var values []float32
		if set.Format.Task() == models.TaskDetection {
			values, _ = picture.Letterbox(int(width), int(height), detection.COCO)
		} else {
			values = picture.Crop(int(width), int(height))
		}
		a, err := newSkewAsk(images[i].File.Path, 1, map[string]any{"inputs": map[string]any{inputs[0].Name: [][][][]float32{planes(values, int(height), int(width))}}})
		if err != nil {
			return nil, err
		}
		asks = append(asks, a)
	}
	return asks, nil
}

// planes nests the values of a picture: planes of lines.
func planes(values []float32, height, width int) [][][]float32 {
	var all [][][]float32
	for plane := range slices.Chunk(values, height*width) {
		all = append(all, slices.Collect(slices.Chunk(plane, width)))
	}
	return all
}

package sqlstore

import (
	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/storage"
)

type inputs struct{ *tx }

// Inputs implements storage.TrackingTx.
func (t *tx) Inputs() storage.InputStore { return inputs{t} }

// LogDatasets implements storage.InputStore.
func (t inputs) LogDatasets(run models.Run, list []models.DatasetInput) error {
	for _, in := range list {
		id, err := t.dataset(run.ExperimentID, in.Dataset)
		if err != nil {
			return err
		}
		if err := t.db.Exec("INSERT INTO run_dataset (run_id, dataset_id) VALUES (?, ?) ON CONFLICT DO NOTHING", run.Key, id).Error; err != nil {
			return err
		}
		rows := make([][]any, len(in.Tags))
		for i, tag := range in.Tags {
			rows[i] = []any{run.Key, id, tag.Key, tag.Value}
		}
		if err := t.insert("INSERT INTO run_dataset_tag (run_id, dataset_id, key, value)",
			"ON CONFLICT (run_id, dataset_id, key) DO NOTHING", rows); err != nil {
			return err
		}
	}
	return nil
}

// dataset gives the number of a dataset, made if it is new.
func (t inputs) dataset(experimentID int64, d models.InputDataset) (int64, error) {
	if err := t.db.Exec(`INSERT INTO input_dataset (experiment_id, name, digest, source_type, source, schema_text, profile)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		experimentID, d.Name, d.Digest, d.SourceType, d.Source, d.Schema, d.Profile).Error; err != nil {
		return 0, err
	}
	var id int64
	err := t.db.Raw("SELECT id FROM input_dataset WHERE experiment_id = ? AND name = ? AND digest = ?", experimentID, d.Name, d.Digest).Scan(&id).Error
	return id, err
}

// LogModels implements storage.InputStore.
func (t inputs) LogModels(run models.Run, modelIDs []string) error {
	keys, err := loggedModels(t).keys(modelIDs)
	if err != nil {
		return err
	}
	rows := make([][]any, len(modelIDs))
	for i, id := range modelIDs {
		rows[i] = []any{run.Key, keys[id]}
	}
	err = t.insert("INSERT INTO run_model_input (run_id, logged_model_id)", "ON CONFLICT DO NOTHING", rows)
	return err
}

// LogOutputs implements storage.InputStore.
func (t inputs) LogOutputs(run models.Run, outputs []models.ModelOutput) error {
	ids := make([]string, len(outputs))
	for i, o := range outputs {
		ids[i] = o.ModelID
	}
	keys, err := loggedModels(t).keys(ids)
	if err != nil {
		return err
	}
	for _, o := range outputs {
		if err := t.db.Exec(`INSERT INTO run_model_output (run_id, logged_model_id, step) VALUES (?, ?, ?)
			ON CONFLICT (run_id, logged_model_id) DO UPDATE SET step = excluded.step`, run.Key, keys[o.ModelID], o.Step).Error; err != nil {
			return err
		}
	}
	return nil
}

// Summaries implements storage.InputStore.
func (t inputs) Summaries(experimentIDs []int64) ([]models.DatasetSummary, error) {
	var out []models.DatasetSummary
	const most = 1000 // as MLflow answers
	err := t.scan(`SELECT DISTINCT d.experiment_id, d.name, d.digest, COALESCE(g.value, '') FROM run_dataset x
		JOIN run ON run.id = x.run_id AND run.deleted_ms IS NULL
		JOIN input_dataset d ON d.id = x.dataset_id
		LEFT JOIN run_dataset_tag g ON g.run_id = x.run_id AND g.dataset_id = x.dataset_id AND g.key = ?
		WHERE d.experiment_id `+t.inInts()+` ORDER BY 1, 2, 3, 4 LIMIT ?`,
		[]any{models.TagDatasetContext, jsonList(experimentIDs), most}, func(scan scanner) error {
			var s models.DatasetSummary
			err := scan(&s.ExperimentID, &s.Name, &s.Digest, &s.Context)
			out = append(out, s)
			return err
		})
	return out, err
}

// load fills the inputs and outputs of runs.
func (t inputs) load(ids []int64, at map[int64]*models.Run) error {
	list := []any{jsonList(ids)}
	place := map[[2]int64]int{} // of a dataset in its run's inputs
	err := t.scan(`SELECT x.run_id, x.dataset_id, d.name, d.digest, d.source_type, d.source, d.schema_text, d.profile
		FROM run_dataset x JOIN input_dataset d ON d.id = x.dataset_id WHERE x.run_id `+t.inInts()+` ORDER BY x.run_id, x.dataset_id`,
		list, func(scan scanner) error {
			var run, dataset int64
			var d models.InputDataset
			err := scan(&run, &dataset, &d.Name, &d.Digest, &d.SourceType, &d.Source, &d.Schema, &d.Profile)
			place[[2]int64{run, dataset}] = len(at[run].DatasetInputs)
			at[run].DatasetInputs = append(at[run].DatasetInputs, models.DatasetInput{Dataset: d})
			return err
		})
	if err != nil {
		return err
	}
	if len(place) > 0 {
		if err := t.loadTags(list, at, place); err != nil {
			return err
		}
	}
	err = t.scan(`SELECT x.run_id, m.uuid FROM run_model_input x JOIN logged_model m ON m.id = x.logged_model_id
		WHERE x.run_id `+t.inInts()+` ORDER BY x.run_id, x.logged_model_id`, list, func(scan scanner) error {
		var run int64
		var model string
		err := scan(&run, &model)
		at[run].ModelInputs = append(at[run].ModelInputs, model)
		return err
	})
	if err != nil {
		return err
	}
	return t.scan(`SELECT x.run_id, m.uuid, x.step FROM run_model_output x JOIN logged_model m ON m.id = x.logged_model_id
		WHERE x.run_id `+t.inInts()+` ORDER BY x.run_id, x.logged_model_id`, list, func(scan scanner) error {
		var run int64
		var o models.ModelOutput
		err := scan(&run, &o.ModelID, &o.Step)
		at[run].ModelOutputs = append(at[run].ModelOutputs, o)
		return err
	})
}

func (t inputs) loadTags(list []any, at map[int64]*models.Run, place map[[2]int64]int) error {
	return t.scan("SELECT run_id, dataset_id, key, value FROM run_dataset_tag WHERE run_id "+t.inInts()+" ORDER BY run_id, dataset_id, key",
		list, func(scan scanner) error {
			var run, dataset int64
			var tag models.Tag
			err := scan(&run, &dataset, &tag.Key, &tag.Value)
			in := &at[run].DatasetInputs[place[[2]int64{run, dataset}]]
			in.Tags = append(in.Tags, tag)
			return err
		})
}

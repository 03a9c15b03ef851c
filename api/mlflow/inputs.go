package mlflow

import (
	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
)

// dataset is what a run read, in requests and replies.
type dataset struct {
	Name       string `json:"name" mlflow:"required"`
	Digest     string `json:"digest" mlflow:"required"`
	SourceType string `json:"source_type" mlflow:"required"`
	Source     string `json:"source" mlflow:"required"`
	Schema     string `json:"schema,omitempty"`
	Profile    string `json:"profile,omitempty"`
}

type datasetInput struct {
	Tags    []keyPair `json:"tags,omitempty"`
	Dataset *dataset  `json:"dataset" mlflow:"required"`
}

type modelInput struct {
	ModelID string `json:"model_id" mlflow:"required"`
}

type runInputs struct {
	Datasets []datasetInput `json:"dataset_inputs,omitempty"`
	Models   []modelInput   `json:"model_inputs,omitempty"`
}

type modelOutput struct {
	ModelID string `json:"model_id" mlflow:"required"`
	Step    int64  `json:"step"`
}

type runOutputs struct {
	Models []modelOutput `json:"model_outputs,omitempty"`
}

func inputsOf(r models.Run) runInputs {
	var out runInputs
	for _, in := range r.DatasetInputs {
		d := dataset(in.Dataset)
		wire := datasetInput{Dataset: &d}
		for _, tag := range in.Tags {
			wire.Tags = append(wire.Tags, keyPair(tag))
		}
		out.Datasets = append(out.Datasets, wire)
	}
	for _, id := range r.ModelInputs {
		out.Models = append(out.Models, modelInput{id})
	}
	return out
}

func outputsOf(r models.Run) runOutputs {
	var out runOutputs
	for _, o := range r.ModelOutputs {
		out.Models = append(out.Models, modelOutput(o))
	}
	return out
}

// LogInputs handles POST runs/log-inputs.
func (t Tracking) LogInputs(c *gin.Context) error {
	var in struct {
		Run      runRef         `json:",inline"`
		Datasets []datasetInput `json:"datasets"`
		Models   []modelInput   `json:"models"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := in.Run.id()
	if err != nil {
		return err
	}
	list := make([]models.DatasetInput, len(in.Datasets))
	for i, d := range in.Datasets {
		list[i].Dataset = models.InputDataset(*d.Dataset)
		for _, tag := range d.Tags {
			list[i].Tags = append(list[i].Tags, models.Tag(tag))
		}
	}
	ids := make([]string, len(in.Models))
	for i, m := range in.Models {
		ids[i] = m.ModelID
	}
	return done(c, t.Service.LogInputs(c.Request.Context(), id, list, ids))
}

// LogOutputs handles POST runs/outputs.
func (t Tracking) LogOutputs(c *gin.Context) error {
	var in struct {
		Run    runRef         `json:",inline"`
		Models *[]modelOutput `json:"models" mlflow:"required"` // may be empty
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := in.Run.id()
	if err != nil {
		return err
	}
	outputs := make([]models.ModelOutput, len(*in.Models))
	for i, m := range *in.Models {
		outputs[i] = models.ModelOutput(m)
	}
	return done(c, t.Service.LogOutputs(c.Request.Context(), id, outputs))
}

package mlflow

import (
	"encoding/json"
	"errors"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/evaluation"
)

// evaluationRecordReply is a record as it stands in the text of a reply.
type evaluationRecordReply struct {
	ID           string          `json:"dataset_record_id"`
	DatasetID    string          `json:"dataset_id"`
	Inputs       json.RawMessage `json:"inputs"`
	Outputs      json.RawMessage `json:"outputs,omitempty"`
	Expectations json.RawMessage `json:"expectations,omitempty"`
	Tags         json.RawMessage `json:"tags"`
	Source       json.RawMessage `json:"source,omitempty"`
	SourceID     string          `json:"source_id,omitempty"`
	SourceType   string          `json:"source_type,omitempty"`
	Created      int64           `json:"created_time"`
	Updated      int64           `json:"last_update_time"`
	CreatedBy    string          `json:"created_by,omitempty"`
	UpdatedBy    string          `json:"last_updated_by,omitempty"`
}

func evaluationRecordOf(dataset string, r models.EvaluationRecord) evaluationRecordReply {
	return evaluationRecordReply{
		ID: r.ID, DatasetID: dataset, Inputs: r.Inputs, Outputs: r.Outputs, Expectations: r.Expectations, Tags: r.Tags, Source: r.Source,
		SourceID: r.SourceID, SourceType: r.SourceType, Created: r.CreatedMS, Updated: r.UpdatedMS, CreatedBy: r.CreatedBy, UpdatedBy: r.UpdatedBy,
	}
}

// SaveRecords handles POST datasets/{id}/records.
func (e Evaluation) SaveRecords(c *gin.Context) error {
	var in struct {
		ID      string `json:"dataset_id" mlflow:"required"`
		Records string `json:"records" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	var records []*evaluation.Record
	if err := json.Unmarshal([]byte(in.Records), &records); err != nil {
		return notRecords(in.Records, err)
	}
	list := make([]evaluation.Record, len(records))
	for i, r := range records {
		if r == nil {
			return invalid("records", in.Records, "a record must be an object")
		}
		list[i] = *r
	}
	saved, err := e.Service.SaveRecords(c.Request.Context(), in.ID, list)
	if err != nil {
		return err
	}
	return answer(c, struct {
		Inserted int64 `json:"inserted_count"`
		Updated  int64 `json:"updated_count"`
	}{saved.Inserted, saved.Updated})
}

// notRecords says why a text holds no list of records.
func notRecords(text string, err error) error {
	const form = "expected a JSON list of objects in a string, such as [{\"inputs\": {}}]"
	var mistyped *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mistyped):
		return invalid("records", text, form+"; it has a %s", mistyped.Value)
	case json.Valid(quoteBare([]byte(text))):
		return invalid("records", text, form+". It has NaN or an infinity, which JSON lacks: send null")
	}
	return invalid("records", text, form+": %s", explain(err))
}

// GetRecords handles GET datasets/{id}/records.
func (e Evaluation) GetRecords(c *gin.Context) error {
	var in struct {
		ID         string `json:"dataset_id" mlflow:"required"`
		MaxResults int64  `json:"max_results"`
		PageToken  string `json:"page_token"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	if in.MaxResults == 0 {
		in.MaxResults = 1000
	}
	list, next, err := e.Service.Records(c.Request.Context(), in.ID, in.MaxResults, in.PageToken)
	if err != nil {
		return err
	}
	out := make([]evaluationRecordReply, len(list))
	for i, r := range list {
		out[i] = evaluationRecordOf(in.ID, r)
	}
	return answer(c, struct {
		Records string `json:"records"`
		Next    string `json:"next_page_token,omitempty"`
	}{string(marshal(out)), next})
}

// DeleteRecords handles DELETE datasets/{id}/records.
func (e Evaluation) DeleteRecords(c *gin.Context) error {
	var in struct {
		ID  string   `json:"dataset_id" mlflow:"required"`
		IDs []string `json:"dataset_record_ids"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	n, err := e.Service.DeleteRecords(c.Request.Context(), in.ID, in.IDs)
	if err != nil {
		return err
	}
	return answer(c, struct {
		Deleted int64 `json:"deleted_count"`
	}{n})
}

package mlflow

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
)

// Replies that are long or asked for often are written by hand here: encoding
// them by reflection costs more than reading them from the database. The tests
// hold them to what encoding/json writes of the reply structs.

// write sends a part of a reply in JSON.
func write(c *gin.Context, text []byte) error {
	if !c.Writer.Written() {
		c.Header("Content-Type", "application/json; charset=utf-8")
		c.Status(http.StatusOK)
	}
	_, err := c.Writer.Write(text)
	return err
}

func appendMetric(b []byte, m models.Metric) []byte {
	b = appendString(append(b, `{"key":`...), m.Key)
	b = appendDouble(append(b, `,"value":`...), m.Value)
	b = strconv.AppendInt(append(b, `,"timestamp":`...), m.TimestampMS, 10)
	b = strconv.AppendInt(append(b, `,"step":`...), m.Step, 10)
	b = appendGiven(b, `,"run_id":`, m.RunID)
	b = appendGiven(b, `,"model_id":`, m.ModelID)
	b = appendGiven(b, `,"dataset_name":`, m.DatasetName)
	b = appendGiven(b, `,"dataset_digest":`, m.DatasetDigest)
	return append(b, '}')
}

// appendGiven writes a field unless it is empty.
func appendGiven(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, name...), value)
}

func appendRun(b []byte, r models.Run) []byte {
	b = append(b, `{"info":`...)
	b = appendInfo(b, r)
	b = append(b, `,"data":{`...)
	comma := ""
	list := func(name string, n int, item func(b []byte, i int) []byte) {
		if n == 0 {
			return
		}
		b = append(append(append(append(b, comma...), '"'), name...), `":[`...)
		for i := range n {
			if i > 0 {
				b = append(b, ',')
			}
			b = item(b, i)
		}
		b, comma = append(b, ']'), ","
	}
	list("metrics", len(r.Metrics), func(b []byte, i int) []byte { return appendMetric(b, r.Metrics[i]) })
	list("params", len(r.Params), func(b []byte, i int) []byte { return appendPair(b, r.Params[i].Key, r.Params[i].Value) })
	list("tags", len(r.Tags), func(b []byte, i int) []byte { return appendPair(b, r.Tags[i].Key, r.Tags[i].Value) })
	b = appendAny(append(b, `},"inputs":`...), inputsOf(r), len(r.DatasetInputs)+len(r.ModelInputs) == 0)
	b = appendAny(append(b, `,"outputs":`...), outputsOf(r), len(r.ModelOutputs) == 0)
	return append(b, '}')
}

func appendInfo(b []byte, r models.Run) []byte {
	b = appendString(append(b, `{"run_uuid":`...), r.ID)
	b = append(strconv.AppendInt(append(b, `,"experiment_id":"`...), r.ExperimentID, 10), '"')
	b = appendString(append(b, `,"run_name":`...), r.Name)
	b = appendString(append(b, `,"user_id":`...), r.User)
	b = appendString(append(b, `,"status":`...), string(r.Status))
	b = strconv.AppendInt(append(b, `,"start_time":`...), r.StartMS, 10)
	if r.EndMS != 0 {
		b = strconv.AppendInt(append(b, `,"end_time":`...), r.EndMS, 10)
	}
	b = appendString(append(b, `,"artifact_uri":`...), r.ArtifactURI)
	b = appendString(append(b, `,"lifecycle_stage":`...), string(r.Lifecycle))
	b = appendString(append(b, `,"run_id":`...), r.ID)
	return append(b, '}')
}

func appendPair(b []byte, key, value string) []byte {
	b = appendString(append(b, `{"key":`...), key)
	b = appendString(append(b, `,"value":`...), value)
	return append(b, '}')
}

// appendAny writes what is seldom there by reflection.
func appendAny(b []byte, value any, isEmpty bool) []byte {
	if isEmpty {
		return append(b, "{}"...)
	}
	return append(b, marshal(value)...)
}

// appendString writes a string as encoding/json does without escaping HTML.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return append(b, marshal(s)...)
		}
	}
	b = append(append(b, '"'), s...)
	return append(b, '"')
}

func marshal(value any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // strings and structs of them always encode
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

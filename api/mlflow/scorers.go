package mlflow

import (
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
)

type scorerReply struct {
	ExperimentID int64  `json:"experiment_id"` // a number here, text everywhere else
	Name         string `json:"scorer_name"`
	Version      int64  `json:"scorer_version"`
	Serialized   string `json:"serialized_scorer"`
	Created      int64  `json:"creation_time"`
	ID           string `json:"scorer_id"`
}

func scorerOf(v models.ScorerVersion) scorerReply {
	return scorerReply{ExperimentID: v.ExperimentID, Name: v.Name, Version: v.Number, Serialized: v.Serialized, Created: v.CreatedMS, ID: v.ID}
}

func answerScorers(c *gin.Context, list []models.ScorerVersion, err error) error {
	if err != nil {
		return err
	}
	out := make([]scorerReply, len(list))
	for i, v := range list {
		out[i] = scorerOf(v)
	}
	return answer(c, struct {
		Scorers []scorerReply `json:"scorers,omitempty"`
	}{out})
}

// scorerRef names a scorer of an experiment, and perhaps a version.
type scorerRef struct {
	ExperimentID string `json:"experiment_id" mlflow:"required"`
	Name         string `json:"name" mlflow:"required"`
	Version      *int64 `json:"version"`
}

func scorerRefOf(c *gin.Context) (ref scorerRef, experimentID int64, err error) {
	if err := decode(c, &ref); err != nil {
		return ref, 0, err
	}
	experimentID, err = tracking.ParseExperimentID(ref.ExperimentID)
	return ref, experimentID, err
}

// RegisterScorer handles POST scorers/register.
func (e Evaluation) RegisterScorer(c *gin.Context) error {
	var in struct {
		ExperimentID string `json:"experiment_id" mlflow:"required"`
		Name         string `json:"name" mlflow:"required"`
		Serialized   string `json:"serialized_scorer" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := tracking.ParseExperimentID(in.ExperimentID)
	if err != nil {
		return err
	}
	v, err := e.Service.RegisterScorer(c.Request.Context(), id, in.Name, in.Serialized)
	if err != nil {
		return err
	}
	return answer(c, struct {
		Version      int64  `json:"version"`
		ID           string `json:"scorer_id"`
		ExperimentID string `json:"experiment_id"`
		Name         string `json:"name"`
		Serialized   string `json:"serialized_scorer"`
		Created      int64  `json:"creation_time"`
	}{v.Number, v.ID, strconv.FormatInt(v.ExperimentID, 10), v.Name, v.Serialized, v.CreatedMS})
}

// ListScorers handles GET scorers/list: of one experiment, of several, or of
// all. Those of several that are not active are passed over.
func (e Evaluation) ListScorers(c *gin.Context) error {
	var in struct {
		ExperimentID  string    `json:"experiment_id"`
		ExperimentIDs *[]string `json:"experiment_ids"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	switch {
	case in.ExperimentID != "" && in.ExperimentIDs != nil:
		return models.Errorf(models.KindInvalid, "Cannot specify both 'experiment_id' and 'experiment_ids'. Use 'experiment_ids' to scope the query "+
			"to multiple experiments, or 'experiment_id' to scope it to a single experiment.")
	case in.ExperimentIDs != nil:
		ids, err := tracking.ParseExperimentIDs(*in.ExperimentIDs)
		if err != nil {
			return err
		}
		list, err := e.Service.ScorersIn(c.Request.Context(), ids)
		return answerScorers(c, list, err)
	case in.ExperimentID != "":
		id, err := tracking.ParseExperimentID(in.ExperimentID)
		if err != nil {
			return err
		}
		list, err := e.Service.ScorersOf(c.Request.Context(), id)
		return answerScorers(c, list, err)
	}
	list, err := e.Service.ScorersIn(c.Request.Context(), nil)
	return answerScorers(c, list, err)
}

// ListScorerVersions handles GET scorers/versions.
func (e Evaluation) ListScorerVersions(c *gin.Context) error {
	ref, id, err := scorerRefOf(c)
	if err != nil {
		return err
	}
	list, err := e.Service.ScorerVersions(c.Request.Context(), id, ref.Name)
	return answerScorers(c, list, err)
}

// GetScorer handles GET scorers/get.
func (e Evaluation) GetScorer(c *gin.Context) error {
	ref, id, err := scorerRefOf(c)
	if err != nil {
		return err
	}
	v, err := e.Service.ScorerVersion(c.Request.Context(), id, ref.Name, ref.Version)
	if err != nil {
		return err
	}
	return answer(c, struct {
		Scorer scorerReply `json:"scorer"`
	}{scorerOf(v)})
}

// DeleteScorer handles DELETE scorers/delete.
func (e Evaluation) DeleteScorer(c *gin.Context) error {
	ref, id, err := scorerRefOf(c)
	if err != nil {
		return err
	}
	return done(c, e.Service.DeleteScorer(c.Request.Context(), id, ref.Name, ref.Version))
}

type onlineScoringReply struct {
	ID           string  `json:"online_scoring_config_id"`
	ScorerID     string  `json:"scorer_id"`
	SampleRate   float64 `json:"sample_rate"`
	ExperimentID string  `json:"experiment_id"`
	Filter       *string `json:"filter_string,omitempty"`
}

func onlineScoringOf(s models.Scorer) onlineScoringReply {
	return onlineScoringReply{
		ID: s.Online.ID, ScorerID: s.ID, SampleRate: s.Online.SampleRate, ExperimentID: strconv.FormatInt(s.ExperimentID, 10), Filter: s.Online.Filter,
	}
}

// ListOnlineScorings handles GET scorers/online-configs.
func (e Evaluation) ListOnlineScorings(c *gin.Context) error {
	var in struct {
		IDs []string `json:"scorer_ids" mlflow:"required"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	list, err := e.Service.OnlineScorings(c.Request.Context(), in.IDs)
	if err != nil {
		return err
	}
	out := make([]onlineScoringReply, len(list)) // printed also when it is empty
	for i, s := range list {
		out[i] = onlineScoringOf(s)
	}
	return answer(c, struct {
		Configs []onlineScoringReply `json:"configs"`
	}{out})
}

// SetOnlineScoring handles PUT scorers/online-config.
func (e Evaluation) SetOnlineScoring(c *gin.Context) error {
	var in struct {
		ExperimentID string   `json:"experiment_id" mlflow:"required"`
		Name         string   `json:"name" mlflow:"required"`
		SampleRate   *float64 `json:"sample_rate" mlflow:"required"`
		Filter       *string  `json:"filter_string"`
	}
	if err := decode(c, &in); err != nil {
		return err
	}
	id, err := tracking.ParseExperimentID(in.ExperimentID)
	if err != nil {
		return err
	}
	s, err := e.Service.SetOnlineScoring(c.Request.Context(), id, in.Name, *in.SampleRate, in.Filter)
	if err != nil {
		return err
	}
	return answer(c, struct {
		Config onlineScoringReply `json:"config"`
	}{onlineScoringOf(s)})
}

package evaluation

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
	"github.com/slipway-ml/slipway/services/tracking/search"
	"github.com/slipway-ml/slipway/storage"
)

const maxScorerName = 256

// RegisterScorer stores the next version of a scorer of an active experiment.
func (s *Service) RegisterScorer(ctx context.Context, experimentID int64, name, serialized string) (v models.ScorerVersion, err error) {
	if strings.TrimSpace(name) == "" {
		return v, models.Errorf(models.KindInvalid, "Scorer name cannot be empty or contain only whitespace.")
	}
	if err := models.CheckLength("name", name, maxScorerName); err != nil {
		return v, err
	}
	if err := checkScorer(serialized); err != nil {
		return v, err
	}
	v.Serialized, v.CreatedMS = serialized, s.nowMS()
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		store := tx.Scorers() // before anything is read: two registrations at once are numbered
		if _, err := tracking.ActiveExperiment(tx, experimentID); err != nil {
			return err
		}
		v.Scorer, err = store.Find(experimentID, name)
		if models.IsKind(err, models.KindNotFound) {
			v.Scorer = models.Scorer{ID: s.NewID(), ExperimentID: experimentID, Name: name}
			v.Key, err = store.Create(v.Scorer)
		}
		if err != nil {
			return err
		}
		v.Number, err = store.AddVersion(v.Key, serialized, v.CreatedMS)
		return err
	})
	return v, err
}

// checkScorer refuses a scorer that holds code, which would run wherever it is
// loaded, and one whose model is behind a gateway that is not here.
func checkScorer(serialized string) error {
	var tree map[string]any
	if err := json.Unmarshal([]byte(serialized), &tree); err != nil {
		return models.Errorf(models.KindInvalid, "serialized_scorer must be valid JSON: an object")
	}
	if hasCode(tree) {
		return models.Errorf(models.KindInvalid, "Custom scorer registration (using @scorer decorator) is not possible: its code would be "+
			"executed wherever it is loaded. Keep the code in a source code repository and import it, or register a scorer without code.")
	}
	model, given := modelOf(tree)
	text, isText := model.(string)
	switch {
	case !given || model == nil:
		return nil
	case !isText:
		return models.InvalidValue("serialized_scorer", model, "Scorer model must be a string.")
	case strings.TrimSpace(text) == "":
		return models.InvalidValue("serialized_scorer", model, "Scorer model cannot be empty or contain only whitespace.")
	}
	if isGateway(text) {
		return models.Errorf(models.KindNotFound, "GatewayEndpoint not found (name='%.200s'): there is no AI gateway here. Name a provider's model, such as 'openai:/gpt-4o'.", strings.TrimPrefix(text, gatewayScheme))
	}
	return nil
}

const gatewayScheme = "gateway:/"

func isGateway(model string) bool { return strings.HasPrefix(model, gatewayScheme) }

func hasCode(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		if v["call_source"] != nil {
			return true
		}
		for _, inner := range v {
			if hasCode(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, hasCode)
	}
	return false
}

// modelOf finds the model that a scorer judges by.
func modelOf(tree map[string]any) (model any, given bool) {
	for _, kind := range []string{"instructions_judge_pydantic_data", "builtin_scorer_pydantic_data", "third_party_scorer_data"} {
		if data, ok := tree[kind].(map[string]any); ok && len(data) > 0 {
			model, given = data["model"]
			return model, given
		}
	}
	if data, ok := tree["memory_augmented_judge_data"].(map[string]any); ok {
		if judge, ok := data["base_judge"].(map[string]any); ok {
			return modelOf(judge)
		}
	}
	return nil, false
}

// ScorersIn lists the highest version of each scorer in experiments that are
// active; nil means all of them.
func (s *Service) ScorersIn(ctx context.Context, experimentIDs []int64) (list []models.ScorerVersion, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		list, err = tx.Scorers().Latest(experimentIDs)
		return err
	})
	return list, err
}

// ScorersOf lists the highest version of each scorer in an active experiment.
func (s *Service) ScorersOf(ctx context.Context, experimentID int64) (list []models.ScorerVersion, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		if _, err := tracking.ActiveExperiment(tx, experimentID); err != nil {
			return err
		}
		list, err = tx.Scorers().Latest([]int64{experimentID})
		return err
	})
	return list, err
}

// find gives a scorer of an active experiment.
func find(tx storage.Tx, experimentID int64, name string) (models.Scorer, error) {
	store := tx.Scorers()
	if _, err := tracking.ActiveExperiment(tx, experimentID); err != nil {
		return models.Scorer{}, err
	}
	return store.Find(experimentID, name)
}

// ScorerVersions lists a scorer's versions, the lowest first.
func (s *Service) ScorerVersions(ctx context.Context, experimentID int64, name string) (list []models.ScorerVersion, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		scorer, err := find(tx, experimentID, name)
		if err != nil {
			return err
		}
		if list, err = tx.Scorers().Versions(scorer); err == nil && len(list) == 0 {
			return models.Errorf(models.KindNotFound, "Scorer with name '%s' not found for experiment %d.", name, experimentID)
		}
		return err
	})
	return list, err
}

// ScorerVersion gives a version of a scorer; nil means the highest.
func (s *Service) ScorerVersion(ctx context.Context, experimentID int64, name string, number *int64) (models.ScorerVersion, error) {
	list, err := s.ScorerVersions(ctx, experimentID, name)
	if err != nil {
		return models.ScorerVersion{}, err
	}
	if number == nil {
		return list[len(list)-1], nil
	}
	for _, v := range list {
		if v.Number == *number {
			return v, nil
		}
	}
	return models.ScorerVersion{}, noVersion(experimentID, name, *number)
}

func noVersion(experimentID int64, name string, number int64) error {
	return models.Errorf(models.KindNotFound, "Scorer with name '%s' and version %d not found for experiment %d.", name, number, experimentID)
}

// DeleteScorer removes a version of a scorer; nil means all, and the scorer.
func (s *Service) DeleteScorer(ctx context.Context, experimentID int64, name string, number *int64) error {
	return s.DB.InTx(ctx, func(tx storage.Tx) error {
		scorer, err := find(tx, experimentID, name)
		if err != nil {
			return err
		}
		if number == nil {
			return tx.Scorers().Delete(scorer.Key)
		}
		found, err := tx.Scorers().DeleteVersion(scorer.Key, *number)
		if err == nil && !found {
			return noVersion(experimentID, name, *number)
		}
		return err
	})
}

// OnlineScorings lists those of these scorers that have online scoring.
func (s *Service) OnlineScorings(ctx context.Context, ids []string) (list []models.Scorer, err error) {
	err = s.DB.View(ctx, func(tx storage.Tx) error {
		list, err = tx.Scorers().WithOnline(ids)
		return err
	})
	return list, err
}

// SetOnlineScoring says how much of an experiment's new traces a scorer is to
// judge. MLflow's servers judge by models behind their gateway alone; there is
// none here, so that only 0 is taken, which stops it.
func (s *Service) SetOnlineScoring(ctx context.Context, experimentID int64, name string, rate float64, filter *string) (scorer models.Scorer, err error) {
	if !(rate >= 0 && rate <= 1) {
		return scorer, models.Errorf(models.KindInvalid, "sample_rate must be between 0.0 and 1.0, got %v", rate)
	}
	if filter != nil {
		if _, err := search.Traces().Filter(*filter); err != nil {
			return scorer, err
		}
	}
	err = s.DB.InTx(ctx, func(tx storage.Tx) error {
		if scorer, err = find(tx, experimentID, name); err != nil {
			return err
		}
		if rate > 0 {
			return models.Errorf(models.KindInvalid, "Scorer '%s' does not use a gateway model. Automatic evaluation is only supported for scorers "+
				"that use gateway models; there is no AI gateway here. Evaluate by mlflow.genai.evaluate, or set sample_rate to 0.", name)
		}
		scorer.Online = &models.OnlineScoring{ID: s.NewID(), SampleRate: rate, Filter: filter}
		return tx.Scorers().SetOnline(scorer.Key, *scorer.Online)
	})
	return scorer, err
}

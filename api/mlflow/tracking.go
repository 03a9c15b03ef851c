package mlflow

import (
	"github.com/gin-gonic/gin"

	"github.com/slipway-ml/slipway/models"
	"github.com/slipway-ml/slipway/services/tracking"
)

// Tracking handles experiments, runs and logged models.
type Tracking struct {
	Service *tracking.Service
}

// runRef is how clients name a run: they send both of its names, and either
// will do.
type runRef struct {
	RunID   string `json:"run_id"`
	RunUUID string `json:"run_uuid"`
}

func (r runRef) id() (string, error) {
	switch {
	case r.RunID != "":
		return r.RunID, nil
	case r.RunUUID != "":
		return r.RunUUID, nil
	}
	return "", missing("run_id")
}

func tags[T pair | keyPair](pairs []T) []models.Tag {
	out := make([]models.Tag, len(pairs))
	for i, p := range pairs {
		out[i] = models.Tag(p)
	}
	return out
}

func tagPairs(list []models.Tag) []pair {
	out := make([]pair, len(list))
	for i, t := range list {
		out[i] = pair(t)
	}
	return out
}

func paramPairs(list []models.Param) []pair {
	out := make([]pair, len(list))
	for i, p := range list {
		out[i] = pair(p)
	}
	return out
}

// done answers {} unless there was an error.
func done(c *gin.Context, err error) error {
	if err != nil {
		return err
	}
	return answer(c, empty{})
}
